;; Calls host functions in main, after _initialize, that are not allowed before the VM starts.
(module
  (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "_initialize"))
  (func (export "main") (param i32 i32) (result i32)
    (call $get (i32.const 0) (i32.const 1) (i32.const 4) (i32.const 8)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))
