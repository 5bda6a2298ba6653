import ca.uhn.fhir.batch2.api.IJobMaintenanceService;
import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.provider.DaoRegistryResourceSupportedSvc;
import ca.uhn.fhir.jpa.test.config.TestHSearchAddInConfig;
import ca.uhn.fhir.jpa.test.config.TestR4Config;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/** HAPI FHIR's JPA server in memory (H2) with Bulk Data export, on a free port of 127.0.0.1, which it prints. */
public class JpaServer {
  public static void main(String[] args) throws Exception {
    var spring = new AnnotationConfigApplicationContext(TestR4Config.class, TestHSearchAddInConfig.NoFT.class);
    var settings = spring.getBean(JpaStorageSettings.class);
    settings.setIndexMissingFields(JpaStorageSettings.IndexEnabledEnum.ENABLED);
    settings.setAllowContainsSearches(true);
    settings.setIndexIdentifierOfType(true);
    settings.setResourceClientIdStrategy(JpaStorageSettings.ClientIdStrategyEnum.ANY);
    settings.setReuseCachedSearchResultsForMillis(null);
    var context = spring.getBean(FhirContext.class);
    var rest = new RestfulServer(context);
    rest.registerProviders(spring.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
    rest.registerProvider(spring.getBean(JpaSystemProvider.class));
    rest.registerProvider(spring.getBean(BulkDataExportProvider.class));
    rest.setServerConformanceProvider(new JpaCapabilityStatementProvider(rest, spring.getBean("mySystemDaoR4", IFhirSystemDao.class),
        settings, spring.getBean(ISearchParamRegistry.class), spring.getBean(IValidationSupport.class)));
    rest.setPagingProvider(spring.getBean(DatabaseBackedPagingProvider.class));
    rest.setDefaultResponseEncoding(EncodingEnum.JSON);
    var handler = new ServletContextHandler();
    handler.setContextPath("/");
    handler.addServlet(new ServletHolder(rest), "/fhir/*");
    var server = new Server();
    var connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    server.setHandler(handler);
    server.start();
    System.out.println("http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
    System.out.flush();
    // Nothing else moves the steps of a job on: its own schedule is off in this configuration and looks once a minute.
    var maintenance = spring.getBean(IJobMaintenanceService.class);
    while (server.isRunning()) {
      maintenance.runMaintenancePass();
      Thread.sleep(50);
    }
  }
}
