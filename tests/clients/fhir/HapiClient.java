import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.StrictErrorHandler;
import ca.uhn.fhir.rest.api.SearchStyleEnum;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.gclient.ReferenceClientParam;
import ca.uhn.fhir.rest.gclient.StringClientParam;
import ca.uhn.fhir.rest.gclient.TokenClientParam;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.hl7.fhir.r4.model.*;

/** HAPI FHIR's client with its strict parser, in JSON and in XML, with the resources of ../search in the server. */
public class HapiClient {
  static void check(boolean holds, String what) {
    if (!holds) throw new IllegalStateException(what);
  }

  static String labels(Bundle bundle) {
    return bundle.getEntry().stream()
        .filter(e -> e.getSearch().getMode() == Bundle.SearchEntryMode.MATCH)
        .flatMap(e -> e.getResource().getNamedProperty("identifier").getValues().stream())
        .map(v -> (Identifier) v)
        .filter(i -> "urn:t".equals(i.getSystem()))
        .map(Identifier::getValue)
        .sorted()
        .collect(Collectors.joining(" "));
  }

  public static void main(String[] args) {
    var context = FhirContext.forR4();
    context.setParserErrorHandler(new StrictErrorHandler());
    // The client asks for metadata first and looks at its version.
    context.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.ONCE);
    context.getRestfulClientFactory().setSocketTimeout(120_000);
    for (var form : List.of(ca.uhn.fhir.rest.api.EncodingEnum.JSON, ca.uhn.fhir.rest.api.EncodingEnum.XML)) {
      var client = context.newRestfulGenericClient(args[0]);
      client.setEncoding(form);
      var statement = client.capabilities().ofType(CapabilityStatement.class).execute();
      check(statement.getFhirVersion() == Enumerations.FHIRVersion._4_0_1, "metadata");
      var found = client.search().forResource(Patient.class)
          .where(new TokenClientParam("identifier").exactly().systemAndCode("urn:t", "A")).returnBundle(Bundle.class).execute();
      var id = found.getEntryFirstRep().getResource().getIdElement().getIdPart();
      check(client.read().resource(Patient.class).withId(id).execute().getBirthDateElement().getValueAsString().equals("1941-02-03"), "read");
      var pressure = client.search().forResource(Observation.class)
          .where(new TokenClientParam("code").exactly().systemAndCode("urn:s", "bp")).returnBundle(Bundle.class).execute();
      var one = (Observation) pressure.getEntryFirstRep().getResource();
      check(one.getComponent().size() == 2, "component");
      check(client.read().resource(Observation.class).withIdAndVersion(one.getIdElement().getIdPart(), one.getMeta().getVersionId()).execute() != null, "vread");
      check(client.history().onInstance(one.getIdElement().toUnqualifiedVersionless()).returnBundle(Bundle.class).execute().getEntry().size() >= 1, "history");
      var chained = client.search().forResource(Observation.class)
          .where(new ReferenceClientParam("patient").hasChainedProperty(new StringClientParam("family").matches().value("Hillman")))
          .returnBundle(Bundle.class).execute();
      check(labels(chained).equals("O4 O6 O7"), "chain: " + labels(chained));
      var has = client.search().byUrl("Patient?_has:Observation:patient:code=urn:s|bp").returnBundle(Bundle.class).execute();
      check(labels(has).equals("B"), "_has");
      var posted = client.search().forResource(Observation.class).usingStyle(SearchStyleEnum.POST)
          .where(new TokenClientParam("code").exactly().systemAndCode("urn:s", "na")).sort().ascending("date").returnBundle(Bundle.class).execute();
      check(labels(posted).equals("O1 O2"), "POST search");
      Set<String> seen = new HashSet<>();
      var page = client.search().forResource(Observation.class).count(2).returnBundle(Bundle.class).execute();
      while (true) {
        page.getEntry().forEach(e -> check(seen.add(e.getResource().getIdElement().getIdPart()), "twice"));
        if (page.getLink(Bundle.LINK_NEXT) == null) break;
        page = client.loadPage().next(page).execute();
      }
      check(seen.size() == 7, "paging: " + seen.size());
      var included = client.search().byUrl("Encounter?service-provider.name=ferndale&_revinclude=Observation:encounter").returnBundle(Bundle.class).execute();
      check(included.getEntry().size() == 2, "_revinclude");
      var everything = client.operation().onInstance(new IdType("Patient", id)).named("everything")
          .withNoParameters(Parameters.class).returnResourceType(Bundle.class).execute();
      check(everything.getEntry().size() > 5, "$everything by POST");
      try {
        client.read().resource(Patient.class).withId("none").execute();
        check(false, "404");
      } catch (ResourceNotFoundException error) {
        check(error.getOperationOutcome() instanceof OperationOutcome, "404 without an OperationOutcome");
      }
    }
    System.out.println("HAPI FHIR client: 11 kinds of request in JSON and in XML, each as expected");
  }
}
