;; A network filter: logs its configuration per connection, and prepends it to the data from downstream.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
  ;; The host writes the address of the configuration to 0 and its length to 4.
  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $get (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
    (i32.const 1))
  (func (export "proxy_on_new_connection") (param $stream i32) (result i32)
    (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (i32.const 0))
  ;; Replacing zero bytes at the start prepends. The end of the stream arrives without data.
  (func (export "proxy_on_downstream_data") (param $stream i32) (param $size i32) (param $end i32) (result i32)
    (if (local.get $size) (then
      (drop (call $set
        (i32.const 2) (i32.const 0) (i32.const 0) (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
    (i32.const 0)))
