#!/usr/bin/env bash
# HL7's snapshot generator (HAPI FHIR 8.4.0, org.hl7.fhir core 6.5.27, Maven) takes the least number of a slice that says none from
# what the slicing's `rules` are: 0 where the slicing is open, the sliced element's own `min` where it is closed.
#
# AuditEvent.agent is 1..*. Two profiles differ in one word. Both have a slice of `agent` with a `max` and no `min` in the
# differential; a reader takes both as optional. Under `closed` each event without an agent of that slice is refused. The
# published audit profile of NHS England (England-AuditEvent-PARS: four agent slices without `min`, closed) is refused
# for each event that lacks one of them, until each slice says `min` 0.
# Seen: open 0, closed 1
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>
<dependencies>
<dependency><groupId>ca.uhn.hapi.fhir</groupId><artifactId>hapi-fhir-validation</artifactId><version>8.4.0</version></dependency>
<dependency><groupId>ca.uhn.hapi.fhir</groupId><artifactId>hapi-fhir-validation-resources-r4</artifactId><version>8.4.0</version></dependency>
<dependency><groupId>ca.uhn.hapi.fhir</groupId><artifactId>hapi-fhir-structures-r4</artifactId><version>8.4.0</version></dependency>
<dependency><groupId>ca.uhn.hapi.fhir</groupId><artifactId>hapi-fhir-caching-caffeine</artifactId><version>8.4.0</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
</dependencies></project>
XML
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib
cat > See.java <<'JAVA'
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import org.hl7.fhir.common.hapi.validation.support.*;
import org.hl7.fhir.r4.model.*;

public class See {
  public static void main(String[] args) {
    FhirContext r4 = FhirContext.forR4();
    SnapshotGeneratingValidationSupport generator = new SnapshotGeneratingValidationSupport(r4);
    ValidationSupportChain chain = new ValidationSupportChain(new DefaultProfileValidationSupport(r4), generator);
    for (String rules : new String[] {"open", "closed"}) {
      StructureDefinition profile = r4.newJsonParser().parseResource(StructureDefinition.class, """
        {"resourceType": "StructureDefinition", "url": "http://example.org/StructureDefinition/RULES", "name": "RULES", "status": "draft",
         "fhirVersion": "4.0.1", "kind": "resource", "abstract": false, "type": "AuditEvent", "derivation": "constraint",
         "baseDefinition": "http://hl7.org/fhir/StructureDefinition/AuditEvent", "differential": {"element": [
          {"id": "AuditEvent.agent", "path": "AuditEvent.agent",
           "slicing": {"discriminator": [{"type": "value", "path": "type"}], "rules": "RULES"}},
          {"id": "AuditEvent.agent:server", "path": "AuditEvent.agent", "sliceName": "server", "max": "1"},
          {"id": "AuditEvent.agent:server.type", "path": "AuditEvent.agent.type", "min": 1, "patternCodeableConcept":
           {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110153"}]}}]}}""".replace("RULES", rules));
      StructureDefinition made = (StructureDefinition) generator.generateSnapshot(
          new ValidationSupportContext(chain), profile, profile.getUrl(), null, profile.getName());
      for (ElementDefinition element : made.getSnapshot().getElement())
        if (element.getId().equals("AuditEvent.agent:server")) System.out.println(rules + " " + element.getMin());
    }
  }
}
JAVA
javac -cp 'lib/*' See.java
seen=$(java -cp '.:lib/*' See); echo "$seen"
[ "$seen" = "open 0
closed 1" ]
