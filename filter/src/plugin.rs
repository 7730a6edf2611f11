//! Connects the filter to the proxy. It accepts any root ID.

use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MapType};

use crate::config::{self, Config};
use crate::edit::Headers;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// The root context. Each worker of the proxy has its own, which holds the configuration.
#[derive(Default)]
struct Root {
    config: Rc<Config>,
}

impl Context for Root {}

impl RootContext for Root {
    /// Returns `false` for an invalid configuration, which makes the proxy reject the listener.
    fn on_configure(&mut self, _: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        match config::parse(&text) {
            Ok(config) => {
                log(LogLevel::Info, &format!("configured: {config}"));
                self.config = Rc::new(config);
                true
            }
            Err(problems) => {
                for problem in problems {
                    log(LogLevel::Error, &format!("configuration refused: {problem}"));
                }
                false
            }
        }
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { config: Rc::clone(&self.config) }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its response.
struct Exchange {
    config: Rc<Config>,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.config.request.apply(&mut HostHeaders(MapType::HttpRequestHeaders));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.config.response.apply(&mut HostHeaders(MapType::HttpResponseHeaders));
        Action::Continue
    }
}

/// The proxy's header map. The SDK returns `Ok` or panics, so there is no error to handle.
struct HostHeaders(MapType);

impl Headers for HostHeaders {
    fn remove(&mut self, name: &str) {
        _ = hostcalls::remove_map_value(self.0, name);
    }

    fn replace(&mut self, name: &str, value: &str) {
        _ = hostcalls::set_map_value(self.0, name, Some(value));
    }

    fn add(&mut self, name: &str, value: &str) {
        _ = hostcalls::add_map_value(self.0, name, value);
    }
}

/// Logs a message with the filter's name. The proxy adds only the root ID and the VM ID, which can be empty.
fn log(level: LogLevel, message: &str) {
    _ = hostcalls::log(level, &format!("example-filter: {message}"));
}
