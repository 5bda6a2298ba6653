//! The onboarding board of `serve`: a run is started from the page and read there.

use std::time::{Duration, Instant};

use causeway::{ADAPTERS, process, serve};
use causeway_service::config::Config;

/// How long a run may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_run_is_started_from_the_page_and_says_why_it_failed() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let control = super::server::start("create-loses");
    let data = tempfile::tempdir().unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata_directory = {:?}\nopen = true\n\
         [[provider]]\nname = \"Ash & Elm\"\n\
         [[provider.gate]]\nname = \"DSPT\"\nmet_by = \"Ash\"\nuntil = \"2001-06-30\"\n\
         [[provider.gate]]\nname = \"DPIA\"\n\
         [[provider.suite]]\nname = \"fhir-r4\"\nurl = \"{}/fhir\"\nsettings = {{ write = \"yes\" }}\n\
         [[provider.exception]]\nprofile = \"UKCore-Patient\"\nelement = \"telecom\"\nreason = \"kept elsewhere\"\n\
         approved_by = \"the onboarding team\"\n",
        data.path().join("data"),
        control.url
    );
    let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let ready = serve::prepare(config, ADAPTERS).await.unwrap_or_else(|e| panic!("{e}"));
        let url = format!("http://{}", ready.address);
        tokio::spawn(ready.run(std::future::pending()));
        let client = process::client().unwrap();
        let board = async || {
            let answer = client.get(format!("{url}/onboarding")).header("accept", "text/html").send().await;
            answer.unwrap().text().await.unwrap()
        };
        let before = board().await;
        assert!(
            before.contains("none yet") && before.contains("ran out") && before.contains("nobody has said")
        );
        let order = |body: &'static str| {
            let order = client.post(format!("{url}/onboarding"));
            order.header("content-type", "application/x-www-form-urlencoded").body(body).send()
        };
        assert_eq!(order("provider=1&suite=0").await.unwrap().status(), 404);
        assert!(order("provider=0&suite=0").await.unwrap().status().is_redirection());
        let end = Instant::now() + PATIENCE;
        let page = loop {
            let page = board().await;
            if page.contains("Rules are broken") || page.contains("could not be run") {
                break page;
            }
            assert!(Instant::now() < end, "{page}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert!(page.contains("What to do") && page.contains("Must-support"), "{page}");
        let run = page.split("href=\"/onboarding/").nth(1).and_then(|l| l.split('"').next()).unwrap();
        let of = async |query: &str| {
            let answer = client.get(format!("{url}/onboarding/{run}{query}")).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (status, one) = of("").await;
        assert!(status == 200 && one.contains("kept elsewhere") && one.contains("telecom"), "{one}");
        assert!(of("?form=junit").await.1.contains("<testsuite"));
        assert!(of("?form=testreport").await.1.contains("\"TestReport\""));
        assert_eq!(of("?form=pdf").await.0, 400);
    });
}
