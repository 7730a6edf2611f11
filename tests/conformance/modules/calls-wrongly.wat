;; Calls a function through its table with the wrong type in on_request_headers.
(module
  (type $none (func))
  (memory (export "memory") 1)
  (table 1 funcref)
  (elem (i32.const 0) $one)
  (func $one (param i32))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (call_indirect (type $none) (i32.const 0))
    (i32.const 0)))
