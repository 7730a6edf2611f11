;; Puts a text before the answer's body, and leaves its length as it was.
(module
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (data (i32.const 0) "hello, ")
  (func (export "proxy_on_response_body") (param $context i32) (param $size i32) (param $end i32) (result i32)
    (if (local.get $size) (then
      (drop (call $set (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 7)))))
    (i32.const 0)))
