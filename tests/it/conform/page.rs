//! The onboarding board of `serve`: a run is started from the page and read there.

use std::path::Path;
use std::time::{Duration, Instant};

use causeway::{ADAPTERS, process, serve};
use causeway_service::config::Config;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

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

/// An authority, with a certificate and key in one file for the listener and for the client.
fn certificates(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    for name in ["listener", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let made = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), made.pem() + &key.serialize_pem()).unwrap();
    }
}

#[test]
fn a_client_is_waited_for_from_the_page_within_tls() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let data = tempfile::tempdir().unwrap();
    let folder = data.path();
    certificates(folder);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "listen = \"127.0.0.1:0\"\ndata_directory = {:?}\nopen = true\n\
         [[provider]]\nname = \"Sender\"\n\
         [[provider.suite]]\nname = \"record-sender\"\nurl = \"https://{free}\"\nseed = 5\n\
         settings = {{ first = \"90\", patience = \"1\" }}\n\
         listen_certificate = {:?}\nlisten_ca = {:?}\n",
        folder.join("data"),
        folder.join("listener.pem"),
        folder.join("ca.pem"),
    );
    let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
    let (suite, mut plan) = super::plan("record-sender", &format!("https://{free}"), &[]);
    plan.seed = "5".to_owned();
    let story = causeway_conformance::suite::fill_file(&suite, &plan, "story.json", 0).unwrap();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let stranger = || {
        let authority = reqwest::Certificate::from_pem(&read("ca.pem")).unwrap();
        reqwest::Client::builder().no_proxy().tls_certs_only([authority])
    };
    let known =
        stranger().identity(reqwest::Identity::from_pem(&read("client.pem")).unwrap()).build().unwrap();
    let stranger = stranger().build().unwrap();
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
        let send = async |with: &reqwest::Client| {
            let order = with.post(format!("https://{free}/")).header("content-type", "application/fhir+json");
            order.body(story.clone()).send().await
        };
        let order = client.post(format!("{url}/onboarding"));
        let order =
            order.header("content-type", "application/x-www-form-urlencoded").body("provider=0&suite=0");
        assert!(order.send().await.unwrap().status().is_redirection());
        // Who has no certificate of the authority is not let in, and the page says that one came.
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(send(&stranger).await.is_err());
            let page = board().await;
            if page.contains("no TLS was agreed") {
                assert!(page.contains("--print story.json --seed 5"), "{page}");
                break;
            }
            assert!(Instant::now() < end, "{page}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let page = loop {
            drop(send(&known).await);
            let page = board().await;
            if !page.contains("A run is under way") {
                break page;
            }
            assert!(Instant::now() < end + PATIENCE, "{page}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let run = page
            .split("href=\"/onboarding/")
            .nth(1)
            .and_then(|l| l.split('"').next())
            .unwrap_or_else(|| panic!("{page}"));
        let one = client
            .get(format!("{url}/onboarding/{run}?form=json"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let run: causeway_conformance::suite::Run = serde_json::from_str(&one).unwrap();
        let sent = run.cases.iter().find(|c| c.id == "send").unwrap();
        assert_eq!(sent.end, causeway_conformance::suite::End::Passed, "{:?}", sent.found);
    });
}
