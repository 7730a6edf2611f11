;; Adds a header to request and answer, and logs it.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "x-demo1adds the header")
  (func $add (param i32)
    (drop (call $log (i32.const 2) (i32.const 7) (i32.const 15)))
    (drop (call $header (local.get 0) (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 1))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $add (i32.const 0)) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (call $add (i32.const 2)) (i32.const 0)))
