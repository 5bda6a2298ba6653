//! A request whose work panics is answered, not cut off: 503 where the system gives no more threads, 500 for a fault of ours. What
//! the panic says is not told: it may quote a message.

use std::any::Any;
use std::future::{Future as _, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use causeway_host::limits::RETRY_AFTER_SECONDS;
use causeway_host::problem::Problem;

/// How the runtime's panic begins where the system made no thread.
const NO_THREAD: &str = "OS can't spawn";

/// The layer.
pub(crate) async fn told(request: Request, next: Next) -> Response {
    let mut running = Box::pin(next.run(request));
    let ended = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
        Ok(Poll::Ready(response)) => Poll::Ready(Ok(response)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panic) => Poll::Ready(Err(panic)),
    });
    match ended.await {
        Ok(response) => response,
        Err(panic) => problem(&*panic).into_response(),
    }
}

fn problem(panic: &(dyn Any + Send)) -> Problem {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    if words.starts_with(NO_THREAD) {
        tracing::error!("the system gives no more threads: look at its limits of processes and memory");
        let text = "the system gives this service no more threads";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "transient", "no-threads", text)
            .after(RETRY_AFTER_SECONDS);
    }
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_that_says_nothing_of_it() {
        async fn none() -> &'static str {
            panic!("{}: Resource temporarily unavailable", "OS can't spawn worker thread")
        }
        async fn ours() -> &'static str {
            panic!("no such field in Larkspur")
        }
        let router = Router::new()
            .route("/none", get(none))
            .route("/ours", get(ours))
            .route("/good", get(async || "good"))
            .layer(middleware::from_fn(told));
        for (path, status, word) in
            [("/none", 503, "no-threads"), ("/ours", 500, "internal"), ("/good", 200, "good")]
        {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status, "{path}");
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let text = String::from_utf8_lossy(&body);
            assert!(text.contains(word) && !text.contains("Larkspur"), "{text}");
        }
    }
}
