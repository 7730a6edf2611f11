;; Calls a foreign function that only Envoy has.
(module
  (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "sign")
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (drop (call $foreign (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4) (i32.const 512) (i32.const 516)))
    (i32.const 0)))
