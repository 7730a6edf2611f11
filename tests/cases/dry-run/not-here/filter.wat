;; Throws, which V8 can and the embedded host cannot.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (tag $oops)
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (try_table (throw $oops))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))
