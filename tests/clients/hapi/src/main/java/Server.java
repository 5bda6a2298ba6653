import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.HashMapResourceProvider;
import java.util.List;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.r4.model.*;

/** HAPI's plain server with its own in-memory providers, as its documentation puts one together. */
public class Server {
  public static void main(String[] args) throws Exception {
    FhirContext context = FhirContext.forR4();
    RestfulServer rest = new RestfulServer(context);
    HashMapResourceProvider<Patient> patients = new HashMapResourceProvider<>(context, Patient.class);
    rest.setResourceProviders(List.of(
        patients,
        new HashMapResourceProvider<>(context, Observation.class),
        new HashMapResourceProvider<>(context, Condition.class),
        new HashMapResourceProvider<>(context, AllergyIntolerance.class)));
    Patient una = new Patient();
    una.addIdentifier().setSystem("https://fhir.nhs.uk/Id/nhs-number").setValue("9990000018");
    una.addName().setFamily("Conformance").addGiven("Una");
    patients.store(una);
    org.eclipse.jetty.server.Server server = new org.eclipse.jetty.server.Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    server.addConnector(connector);
    ServletContextHandler handler = new ServletContextHandler("/");
    handler.addServlet(new ServletHolder(rest), "/fhir/*");
    server.setHandler(handler);
    server.start();
    System.out.println("listening on http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
    System.out.flush();
    server.join();
  }
}
