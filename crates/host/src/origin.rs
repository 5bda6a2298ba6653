//! Where a request comes from: the guard against other sites' pages that use a signed-in browser, and against names
//! that were made to lead here (DNS rebinding). One for all doors, pages and forms; programs don't notice it.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::problem::{Answer, Problem};

/// Path that load balancers ask by whatever name: it tells nothing of anybody.
const HEALTH: &str = "/health";

/// Knows the names that this server goes by.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    names: Vec<String>,
}

/// Host name of an authority (`host`, `host:port`, `[::1]:port`), in small letters.
fn name_of(authority: &str) -> String {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, rest)| rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn authority_of(url: &str) -> Option<&str> {
    url.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest))
}

impl Guard {
    /// A guard for a server that goes by these names (setting `hosts`) and that of its public address.
    pub fn new(hosts: &[String], public_url: Option<&str>) -> Self {
        let public = public_url.and_then(authority_of);
        let names = hosts.iter().map(String::as_str).chain(public).map(name_of).collect();
        Self { names }
    }

    /// Whether a name may lead here. Addresses, `localhost` and names without a dot always do: nobody else can make
    /// one of these lead here.
    fn knows(&self, name: &str) -> bool {
        let single = !name.contains('.') && !name.contains(':') && !name.is_empty();
        single
            || name.parse::<IpAddr>().is_ok()
            || name.ends_with(".localhost")
            || self.names.iter().any(|n| n == name)
    }

    /// Lets a request pass or refuses it.
    ///
    /// # Errors
    /// 421 where the name it was sent to is not one of ours; 403 where a browser says that another site's page
    /// sent it: anything that changes, or that carries a sign-in. Following a link from elsewhere to a page is no harm.
    pub fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer<()> {
        let named = headers.get_all(header::HOST).iter().count();
        let host = headers.get(header::HOST).map(|h| h.to_str().unwrap_or("."));
        let authority = uri.authority().map(|a| a.as_str()).or(host);
        if named > 1 {
            return Err(Problem::invalid("host", "the request names more than one host"));
        }
        if let Some(authority) = authority
            && uri.path() != HEALTH
            && !self.knows(&name_of(authority))
        {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "security",
                "host-unknown",
                "this server is not known by the name in Host: the operator lists its names under `hosts`",
            ));
        }
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let signed_in = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
        if safe && !signed_in {
            return Ok(());
        }
        let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?").trim());
        let followed =
            safe && text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
        let site = text("sec-fetch-site").is_none_or(|s| s == "same-origin" || s == "none") || followed;
        let several = ["origin", "sec-fetch-site"].iter().any(|n| headers.get_all(*n).iter().count() > 1);
        let origin = text("origin").is_none_or(|origin| self.is_own(origin, authority));
        if site && origin && !several {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "cross-site",
            "this was not sent from our own page: another site's page sent it",
        ))
    }

    fn is_own(&self, origin: &str, authority: Option<&str>) -> bool {
        let Some(from) = authority_of(origin) else { return false };
        // A proxy may have changed the name that we were called by; the public one stays.
        let public = self.names.iter().any(|name| *name == name_of(from));
        public || authority.is_some_and(|own| own.eq_ignore_ascii_case(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(guard: &Guard, method: &str, uri: &str, headers: &[(&'static str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match guard.check(&method, &uri.parse().unwrap(), &map) {
            Ok(()) => 200,
            Err(problem) => problem.status.as_u16(),
        }
    }

    #[test]
    fn names_that_were_made_to_lead_here_are_refused() {
        let guard = Guard::new(&["Care.Example".to_owned()], Some("https://public.example:8443/x"));
        for (host, status) in [
            ("127.0.0.1:8780", 200),
            ("[::1]:8780", 200),
            ("localhost:1", 200),
            ("broker:8700", 200),
            ("care.example.", 200),
            ("CARE.example:80", 200),
            ("public.example", 200),
            ("evil.example", 421),
            ("127.0.0.1.evil.example", 421),
            ("localhost.evil.example:8780", 421),
            ("a@evil.example", 421),
            ("", 421),
        ] {
            assert_eq!(answer(&guard, "GET", "/people", &[("host", host)]), status, "{host}");
        }
        assert_eq!(answer(&guard, "GET", "/health", &[("host", "probe.example")]), 200);
        assert_eq!(answer(&guard, "GET", "http://evil.example/people", &[("host", "localhost")]), 421);
        assert_eq!(answer(&guard, "GET", "/", &[("host", "localhost"), ("host", "evil.example")]), 400);
        assert_eq!(answer(&guard, "GET", "/", &[]), 200);
    }

    #[test]
    fn what_changes_or_is_signed_in_comes_from_our_own_pages() {
        let guard = Guard::new(&[], Some("https://public.example"));
        let host = ("host", "localhost:8780");
        let auth = ("authorization", "Basic eDp5");
        for (method, headers, status) in [
            ("POST", vec![], 200),
            ("POST", vec![("origin", "http://localhost:8780")], 200),
            ("POST", vec![("origin", "https://public.example")], 200),
            ("POST", vec![("origin", "http://evil.example")], 403),
            ("POST", vec![("origin", "http://localhost:8781")], 403),
            ("POST", vec![("origin", "null")], 403),
            ("PUT", vec![("sec-fetch-site", "cross-site")], 403),
            ("DELETE", vec![("sec-fetch-site", "same-site")], 403),
            ("POST", vec![("sec-fetch-site", "Cross-Site")], 403),
            ("POST", vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], 403),
            (
                "POST",
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                403,
            ),
            ("GET", vec![("sec-fetch-site", "cross-site")], 200),
            ("GET", vec![auth, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")], 403),
            ("GET", vec![("cookie", "session=1"), ("sec-fetch-site", "same-site")], 403),
            (
                "GET",
                vec![
                    auth,
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "iframe"),
                ],
                403,
            ),
            (
                "GET",
                vec![
                    auth,
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                    ("sec-fetch-dest", "document"),
                ],
                200,
            ),
            ("GET", vec![auth, ("sec-fetch-site", "none")], 200),
            ("GET", vec![auth], 200),
        ] {
            let all: Vec<_> = std::iter::once(host).chain(headers.iter().copied()).collect();
            assert_eq!(answer(&guard, method, "/messages", &all), status, "{method} {headers:?}");
        }
    }
}
