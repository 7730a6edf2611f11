;; Pauses the headers of a request (StopIteration) until its body is complete.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param $stream i32) (param $count i32) (param $end i32) (result i32)
    (i32.const 1))
  (func (export "proxy_on_request_body") (param $stream i32) (param $size i32) (param $end i32) (result i32)
    (i32.const 0)))
