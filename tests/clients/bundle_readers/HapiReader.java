import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.StrictErrorHandler;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.hl7.fhir.r4.model.Bundle;

/** Reads bundles with HAPI FHIR's strict parser: an unknown element, a wrong type or an unknown code is an exception. */
public class HapiReader {
    public static void main(String[] folders) throws Exception {
        var parser = FhirContext.forR4().newJsonParser().setParserErrorHandler(new StrictErrorHandler());
        int read = 0, resources = 0, refused = 0;
        for (String folder : folders) {
            List<Path> files;
            try (var walk = Files.walk(Path.of(folder))) {
                files = walk.filter(f -> f.toString().endsWith(".r4.json")).sorted().toList();
            }
            for (Path file : files) {
                try {
                    resources += parser.parseResource(Bundle.class, Files.readString(file)).getEntry().size();
                    read++;
                } catch (Exception error) {
                    refused++;
                    System.out.println(file + ": " + error.getMessage());
                }
            }
        }
        System.out.printf("HAPI FHIR, strict: %d bundles with %d resources read, %d refused%n", read, resources, refused);
        System.exit(refused > 0 ? 1 : read == 0 ? 3 : 0);
    }
}
