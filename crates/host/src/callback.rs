//! The callbacks of a module.

use std::fmt;

macro_rules! callbacks {
    ($($name:ident = $export:literal,)*) => {
        /// A callback that the host calls.
        #[expect(missing_docs, reason = "the variants are named after the exports")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Callback {
            $($name,)*
        }

        impl Callback {
            /// Every callback.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name of the export, `proxy_on_request_headers`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $export,)*
                }
            }
        }
    };
}

callbacks! {
    VmStart = "proxy_on_vm_start",
    Configure = "proxy_on_configure",
    ContextCreate = "proxy_on_context_create",
    NewConnection = "proxy_on_new_connection",
    DownstreamData = "proxy_on_downstream_data",
    UpstreamData = "proxy_on_upstream_data",
    DownstreamConnectionClose = "proxy_on_downstream_connection_close",
    RequestHeaders = "proxy_on_request_headers",
    RequestBody = "proxy_on_request_body",
    RequestTrailers = "proxy_on_request_trailers",
    ResponseHeaders = "proxy_on_response_headers",
    ResponseBody = "proxy_on_response_body",
    ResponseTrailers = "proxy_on_response_trailers",
    Tick = "proxy_on_tick",
    QueueReady = "proxy_on_queue_ready",
    HttpCallResponse = "proxy_on_http_call_response",
    GrpcReceiveInitialMetadata = "proxy_on_grpc_receive_initial_metadata",
    GrpcReceive = "proxy_on_grpc_receive",
    GrpcReceiveTrailingMetadata = "proxy_on_grpc_receive_trailing_metadata",
    GrpcClose = "proxy_on_grpc_close",
    Log = "proxy_on_log",
    Done = "proxy_on_done",
    Delete = "proxy_on_delete",
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use mesh_compile_module::abi::{self, Abi};

    use super::*;

    #[test]
    fn every_callback_is_one_of_the_abi() {
        for callback in Callback::ALL {
            assert!(abi::callbacks(Abi::V0_2_1).any(|known| known.name == callback.as_str()), "{callback}");
        }
    }
}
