//! Runs the test that its configuration names: `headers`, `auth`, `body`, `trailers`, `shared`, `metrics`, `properties`, `tick`, `panic`
//! or `refuse`.

use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MetricType, Status};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Trace);
    proxy_wasm::set_root_context(|_| Box::new(Root { role: String::new(), ticks: 0 }));
}}

struct Root {
    role: String,
    ticks: u32,
}

impl Context for Root {
    fn on_done(&mut self) -> bool {
        true
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        self.role = String::from_utf8_lossy(&bytes).into_owned();
        log(LogLevel::Info, &format!("configured with {size} bytes: {}", self.role));
        if self.role == "tick" {
            self.set_tick_period(Duration::from_millis(100));
        }
        self.role != "refuse"
    }

    fn on_tick(&mut self) {
        self.ticks += 1;
        self.set_tick_period(Duration::ZERO);
        let (_, cas) = self.get_shared_data("ticks");
        // Another thread of the proxy may have been first.
        _ = self.set_shared_data("ticks", Some(b"ticked"), cas);
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Exchange { role: self.role.clone(), body: 0 }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

struct Exchange {
    role: String,
    body: usize,
}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        log(LogLevel::Debug, &format!("request headers: {count}, {end_of_stream}"));
        match self.role.as_str() {
            "headers" => self.headers(),
            "auth" => return self.ask(),
            "body" | "trailers" => self.set_http_request_header("content-length", None),
            "shared" => self.shared(),
            "metrics" => self.metrics(),
            "properties" => self.properties(),
            "tick" => {
                let (value, _) = self.get_shared_data("ticks");
                log(LogLevel::Info, &format!("{:?}", value.map(|it| String::from_utf8_lossy(&it).into_owned())));
            }
            "panic" => panic!("as it was told"),
            _ => {}
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        log(LogLevel::Debug, &format!("request body: {size}, {end_of_stream}"));
        if self.role != "body" {
            return Action::Continue;
        }
        self.body = size;
        if !end_of_stream {
            return Action::Pause;
        }
        let body = self.get_http_request_body(0, size).unwrap_or_default();
        self.set_http_request_body(0, size, &body.to_ascii_uppercase());
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, count: usize) -> Action {
        log(LogLevel::Debug, &format!("request trailers: {count}"));
        self.set_http_request_trailer("x-seen", Some(&count.to_string()));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, count: usize, end_of_stream: bool) -> Action {
        log(LogLevel::Debug, &format!("response headers: {count}, {end_of_stream}"));
        match self.role.as_str() {
            "headers" => {
                self.add_http_response_header("x-from", "rust");
                self.set_http_response_header("x-gone", None);
                log(LogLevel::Info, &format!("{:?}", self.get_http_response_header(":status")));
            }
            "body" => self.set_http_response_header("content-length", None),
            _ => {}
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        log(LogLevel::Debug, &format!("response body: {size}, {end_of_stream}"));
        if self.role == "body" && end_of_stream {
            self.set_http_response_body(0, size, format!(", and {} bytes before", self.body).as_bytes());
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, count: usize) -> Action {
        log(LogLevel::Debug, &format!("response trailers: {:?}", self.get_http_response_trailers()));
        self.add_http_response_trailer("x-seen", &count.to_string());
        Action::Continue
    }

    fn on_log(&mut self) {
        log(LogLevel::Debug, "log");
    }
}

impl Context for Exchange {
    fn on_http_call_response(&mut self, token: u32, headers: usize, size: usize, trailers: usize) {
        log(LogLevel::Debug, &format!("call {token}: {headers}, {size}, {trailers}"));
        let status = self.get_http_call_response_header(":status");
        let body = self.get_http_call_response_body(0, size).unwrap_or_default();
        if status.as_deref() == Some("200") {
            self.set_http_request_header("x-user", std::str::from_utf8(&body).ok());
            self.resume_http_request();
        } else {
            self.send_http_response(401, vec![("www-authenticate", "Basic")], Some(b"who are you?"));
        }
    }

    fn on_done(&mut self) -> bool {
        log(LogLevel::Debug, "done");
        true
    }
}

impl Exchange {
    fn headers(&self) {
        log(LogLevel::Info, &format!("{:?}", self.get_http_request_header("x-a")));
        log(LogLevel::Info, &format!("{:?}", self.get_http_request_header("x-none")));
        self.set_http_request_header("x-a", Some("2"));
        self.set_http_request_header("x-gone", None);
        self.add_http_request_header("x-many", "3");
        let names: Vec<String> = self.get_http_request_headers().into_iter().map(|(name, _)| name).collect();
        log(LogLevel::Info, &names.join(" "));
    }

    fn ask(&self) -> Action {
        let headers = vec![(":method", "GET"), (":path", "/user"), (":authority", "auth.test")];
        match self.dispatch_http_call("auth", headers, None, vec![], Duration::from_secs(5)) {
            Ok(token) => {
                log(LogLevel::Info, &format!("asked: {token}"));
                Action::Pause
            }
            Err(status) => {
                log(LogLevel::Error, &format!("cannot ask: {status:?}"));
                self.send_http_response(500, vec![], None);
                Action::Pause
            }
        }
    }

    fn shared(&self) {
        let (value, cas) = self.get_shared_data("key");
        log(LogLevel::Info, &format!("{value:?}"));
        log(LogLevel::Info, &format!("{:?}", self.set_shared_data("key", Some(b"1"), cas)));
        let (_, cas) = self.get_shared_data("key");
        log(LogLevel::Info, &format!("{:?}", self.set_shared_data("key", Some(b"2"), cas)));
        let stale = self.set_shared_data("key", Some(b"3"), cas) == Err(Status::CasMismatch);
        log(LogLevel::Info, &format!("stale: {stale}"));
    }

    fn metrics(&self) {
        let counter = proxy_wasm::hostcalls::define_metric(MetricType::Counter, "rust_requests");
        let gauge = proxy_wasm::hostcalls::define_metric(MetricType::Gauge, "rust_load");
        if let (Ok(counter), Ok(gauge)) = (counter, gauge) {
            _ = proxy_wasm::hostcalls::increment_metric(counter, 3);
            _ = proxy_wasm::hostcalls::record_metric(gauge, 70);
            log(LogLevel::Info, &format!("{:?}", proxy_wasm::hostcalls::get_metric(counter)));
        }
    }

    fn properties(&self) {
        let text = |path| self.get_property(path).map(|it| String::from_utf8_lossy(&it).into_owned());
        log(LogLevel::Info, &format!("{:?}", text(vec!["request", "path"])));
        log(LogLevel::Info, &format!("{:?}", text(vec!["plugin_root_id"])));
        log(LogLevel::Info, &format!("{:?}", text(vec!["none"])));
        self.set_property(vec!["mine"], Some(b"set"));
        log(LogLevel::Info, &format!("{:?}", text(vec!["mine"])));
    }
}

fn log(level: LogLevel, text: &str) {
    _ = proxy_wasm::hostcalls::log(level, text);
}
