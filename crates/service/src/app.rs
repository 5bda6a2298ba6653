//! Puts the rooms together. A further door is one line of [`Service`]: `service.door(mesh::router())` for
//! HTTP, `service.task(|state, stop| mllp::serve(state, stop))` for what listens or works by itself.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use causeway_broker::settings::Settings;
use causeway_broker::state::Shared;
use causeway_broker::{delivery, maintenance, pipeline};
use causeway_doors::{fault, fhir, http, process_message, scaip, validate};
use causeway_host::origin::Guard;
use causeway_host::problem::Problem;
use causeway_host::server::{self, Wrap};
use causeway_host::share::Shares;
use causeway_host::{browser, limits, tls};
use causeway_pages as pages;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::{attempts, exposure, health, heavy, metrics, negotiate, openapi, panicked, shares};

type Task = Box<dyn FnOnce(Shared, CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A service being put together.
pub struct Service {
    state: Shared,
    router: Router<Shared>,
    tasks: Vec<Task>,
    wrap: Option<Wrap>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Service {
    /// The HTTP door, FHIR API and messaging, pages, health and metrics; the workers that translate, record and
    /// deliver; the acknowledgement watch. TLS where the configuration says so.
    pub fn new(state: Shared) -> Self {
        let bars = middleware::from_fn_with_state(state.clone(), process_message::hold_reads);
        let router = Router::new()
            .route("/health", get(health::health))
            .route("/metrics", get(metrics::metrics))
            .route("/openapi.json", get(openapi::openapi))
            .merge(http::router())
            .merge(fhir::router().layer(bars))
            .merge(validate::router())
            .merge(pages::router())
            .merge(causeway_onramp::router())
            .merge(scaip::router())
            .merge(fault::router())
            .merge(process_message::router())
            .merge(negotiate::router())
            .layer(middleware::from_fn(pages::rejections_as_problems));
        Self { state, router, tasks: Vec::new(), wrap: None }
            .task(delivery::run)
            .task(delivery::watch::run)
            .task(delivery::run_subscribers)
    }

    /// Adds a door's routes. Their bodies are limited to [`limits::FORM_BYTES_MAX`] where they use axum's
    /// extractors: a door that takes more sets its own `DefaultBodyLimit` or reads the body itself.
    #[must_use]
    pub fn door(mut self, router: Router<Shared>) -> Self {
        self.router = self.router.merge(router);
        self
    }

    /// Plugs the onboarding board in.
    #[must_use]
    pub fn onboarding(mut self, board: pages::onboarding::Board) -> Self {
        self.router = self.router.layer(axum::Extension(Arc::new(board)));
        self
    }

    /// Plugs in what makes evidence packs.
    #[must_use]
    pub fn evidence(mut self, packs: pages::pack::Packs) -> Self {
        self.router = self.router.layer(axum::Extension(Arc::new(packs)));
        self
    }

    /// Adds a task that runs beside the HTTP door, until the token is cancelled.
    #[must_use]
    pub fn task<F>(mut self, task: impl FnOnce(Shared, CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push(Box::new(move |state, stop| Box::pin(task(state, stop))));
        self
    }

    /// Wraps connections (TLS).
    #[must_use]
    pub fn wrap(mut self, wrap: Wrap) -> Self {
        self.wrap = Some(wrap);
        self
    }

    /// The finished router.
    pub fn router(&self) -> Router {
        let settings = &self.state.config;
        let guard = Arc::new(Guard::new(&settings.hosts, settings.public_url.as_deref()));
        self.router
            .clone()
            .fallback(|| async { Problem::not_found("page") })
            .method_not_allowed_fallback(|| async {
                Problem::new(
                    axum::http::StatusCode::METHOD_NOT_ALLOWED,
                    "not-supported",
                    "method",
                    "this can't be done here",
                )
            })
            .layer(DefaultBodyLimit::max(limits::FORM_BYTES_MAX))
            .layer(middleware::from_fn_with_state(
                heavy::Turns::new(settings.limits.heavy_reads),
                heavy::turn,
            ))
            .layer(middleware::from_fn_with_state(
                (self.state.clone(), Shares::new(settings.limits.organisation_requests)),
                shares::turn,
            ))
            .layer(middleware::from_fn_with_state(self.state.clone(), attempts::slow))
            .layer(middleware::from_fn_with_state(guard, from_our_own))
            .layer(middleware::from_fn(pages::problems_as_pages))
            .layer(middleware::from_fn_with_state(self.state.clone(), pages::navigation::of_reader))
            .layer(middleware::from_fn(panicked::told))
            .layer(middleware::from_fn_with_state(self.state.clone(), observe))
            .with_state(self.state.clone())
    }

    /// Serves until `shutdown` is ready, then drains: no new connection, requests finish, workers stop
    /// between two messages. What is not done is in the queue and goes on after the next start.
    ///
    /// # Errors
    /// Where the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let stop = CancellationToken::new();
        let router = self.router();
        let state = self.state.clone();
        let wrap = match (self.wrap, &state.config.tls) {
            (Some(wrap), _) => Some(wrap),
            (None, Some(settings)) => Some(tls::wrap(settings)?),
            (None, None) => None,
        };
        let workers = pipeline::start(&state, &stop);
        let tasks = TaskTracker::new();
        tasks.spawn(maintenance::run(state.clone(), stop.clone()));
        tasks.spawn(maintenance::examine(state.clone(), stop.clone()));
        for task in self.tasks {
            tasks.spawn(task(state.clone(), stop.clone()));
        }
        tasks.close();
        let ending = stop.clone();
        tokio::spawn(async move {
            shutdown.await;
            ending.cancel();
        });
        server::run(
            state.config.limits.bounds(),
            state.counters.clone(),
            listener,
            router,
            wrap,
            stop.clone(),
        )
        .await;
        stop.cancel();
        state.signals.all();
        let deadline = std::time::Duration::from_secs(state.config.limits.drain_seconds);
        drop(tokio::time::timeout(deadline, tasks.wait()).await);
        let ended = tokio::task::spawn_blocking(move || {
            workers.join();
            if let Some(traces) = state.traces() {
                traces.end();
            }
        });
        drop(ended.await);
        Ok(())
    }
}

/// Serves the standard service: see [`Service`].
///
/// # Errors
/// As [`Service::serve`].
pub async fn serve(
    state: Shared,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    Service::new(state).serve(listener, shutdown).await
}

/// Refuses what another site's page sent, before any door sees it: see [`Guard`].
async fn from_our_own(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Counts and logs each request by its route's pattern, never by its path or content, and holds
/// what leaves to what a browser may do with it.
async fn observe(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    state.counters.request(route, status, took);
    tracing::info!(%method, route, status, took_us = took.as_micros() as u64, "request");
    let settings = &state.config;
    let tls = settings.tls.is_some()
        || settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    browser::seal(&mut response, tls);
    response
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        Self {
            warnings: exposure::dangers(&config, None).into_iter().map(|d| d.text).collect(),
            data_directory: config.data_directory,
            public_url: config.public_url,
            hosts: config.hosts,
            open: config.open,
            test_mode: config.test_mode,
            begins: config.begins,
            limits: config.limits,
            retention: config.retention,
            organisations: config.organisations,
            routes: config.routes,
            endpoints: config.endpoints,
            watches: config.watches,
            messaging: config.messaging,
            sign_in: config.sign_in,
            tls: config.tls,
            local: config.local,
        }
    }
}
