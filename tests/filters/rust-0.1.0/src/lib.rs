//! Adds `x-from: rust-0.1.0` to responses, like filters for ABI 0.1.0: it registers the root context in `_start`, and the
//! header callbacks have no argument for the end of the stream.

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

#[no_mangle]
pub fn _start() {
    proxy_wasm::set_root_context(|_| Box::new(Root { value: "rust-0.1.0".to_owned() }));
}

struct Root {
    value: String,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        if size > 0 {
            let bytes = self.get_configuration().unwrap_or_default();
            self.value = String::from_utf8_lossy(&bytes).into_owned();
        }
        hostcalls::log(LogLevel::Info, "rust-0.1.0 is configured").is_ok()
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { value: self.value.clone() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Exchange {
    value: String,
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _: usize) -> Action {
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize) -> Action {
        self.add_http_response_header("x-from", &self.value);
        Action::Continue
    }
}
