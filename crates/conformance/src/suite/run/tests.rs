use super::*;
use crate::suite::wire::{Heard, Response};

/// Answers every request with a page whose next link leads elsewhere, and remembers what was asked.
#[derive(Default)]
struct Remembers(Vec<Request>);

impl Wire for Remembers {
    fn http(&mut self, request: &Request) -> Result<Response, String> {
        self.0.push(request.clone());
        let next = r#"{"resourceType":"Bundle","entry":[],"link":[{"relation":"next","url":"https://elsewhere.example/2"}]}"#;
        Ok(Response { status: 200, body: next.as_bytes().to_vec(), ..Response::default() })
    }

    fn mllp(&mut self, _: &Said) -> Result<Heard, String> {
        Err("none".to_owned())
    }

    fn now(&mut self) -> i64 {
        0
    }

    fn ticks(&mut self) -> u64 {
        0
    }

    fn pause(&mut self, _: u64) {}
}

#[test]
fn credentials_go_to_the_origins_that_the_tester_named_only() {
    let toml = r#"
        name = "s"
        title = "t"
        about = "a"
        version = "1"
        [[setting]]
        name = "other"
        about = "another base"
        [[case]]
        id = "c"
        title = "t"
        rule = "r"
        source = "s"
        mend = "m"
        step = [
          { get = "/own", pages = 2, expect = [{ status = 200 }] },
          { get = "{{other}}/x", expect = [{ status = 200 }] },
          { get = "https://evil.example/x", expect = [{ status = 200 }] },
          { get = "https://own.example@evil.example/x", expect = [{ status = 200 }] },
          { get = "/none", auth = "none", expect = [{ status = 200 }] },
        ]
    "#;
    let suite = Suite::read(toml, BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"));
    let plan = Plan {
        endpoint: "https://own.example/fhir".to_owned(),
        settings: [("other".to_owned(), "https://other.example/r4".to_owned())].into(),
        ..Plan::default()
    };
    let mut wire = Remembers::default();
    let run = run(&suite, &plan, &mut wire);
    assert_eq!(run.count(End::Passed), 1, "{:?}", run.cases);
    let with: Vec<(&str, bool)> = wire.0.iter().map(|r| (r.url.as_str(), r.credentials)).collect();
    assert_eq!(
        with,
        [
            ("https://own.example/fhir/own", true),
            ("https://elsewhere.example/2", false),
            ("https://other.example/r4/x", true),
            ("https://evil.example/x", false),
            ("https://own.example@evil.example/x", false),
            ("https://own.example/fhir/none", false),
        ]
    );
}

/// Answers with this body, or not at all.
struct Says(Option<&'static str>);

impl Wire for Says {
    fn http(&mut self, _: &Request) -> Result<Response, String> {
        let body = self.0.ok_or("no connection")?;
        Ok(Response { status: 200, body: body.as_bytes().to_vec(), ..Response::default() })
    }

    fn mllp(&mut self, _: &Said) -> Result<Heard, String> {
        Err("none".to_owned())
    }

    fn now(&mut self) -> i64 {
        0
    }

    fn ticks(&mut self) -> u64 {
        0
    }

    fn pause(&mut self, _: u64) {}
}

fn two_cases(says: Option<&'static str>) -> Run {
    let toml = r#"
        name = "s"
        title = "t"
        about = "a"
        version = "1"
        [[case]]
        id = "first"
        title = "It says what it is"
        rule = "r"
        source = "s"
        mend = "m"
        step = [{ get = "/metadata", expect = [{ valid = "r4" }], save = { kind = { pointer = "/kind" } } }]
        [[case]]
        id = "second"
        title = "Each {{thing}} is there"
        rule = "r"
        source = "s"
        mend = "m"
        needs = ["kind"]
        step = [{ get = "/x", expect = [{ status = 200 }] }]
    "#;
    let suite = Suite::read(toml, BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"));
    let plan = Plan { endpoint: "https://own.example/fhir".to_owned(), ..Plan::default() };
    run(&suite, &plan, &mut Says(says))
}

#[test]
fn an_endpoint_that_is_not_reached_has_broken_nothing() {
    let run = two_cases(None);
    assert!(run.cases.iter().all(|c| c.end == End::NotRun), "{:?}", run.cases);
    assert!(run.cases[0].found[0].contains("no answer at all") && run.cases[0].mend.contains("address"));
    assert!(run.cases[1].found[0].contains("It says what it is"), "{:?}", run.cases[1]);
    assert_eq!(run.cases[1].title, "Each … is there");
    assert!(crate::suite::verdict(&run).starts_with("Nothing could be tried"));
}

#[test]
fn what_is_wrong_in_one_thing_does_not_end_the_run() {
    let run = two_cases(Some(r#"{"resourceType":"CapabilityStatement","kind":"instance"}"#));
    assert_eq!(
        run.cases.iter().map(|c| c.end).collect::<Vec<_>>(),
        [End::Failed, End::Passed],
        "{:?}",
        run.cases
    );
    let run = two_cases(Some("<html>"));
    assert_eq!(
        run.cases.iter().map(|c| c.end).collect::<Vec<_>>(),
        [End::Failed, End::NotRun],
        "{:?}",
        run.cases
    );
    assert!(run.cases[0].found[0].starts_with("the answer: "), "{:?}", run.cases[0]);
}
