;; A network filter: logs its configuration for each new connection, and puts it before whatever comes from downstream.
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
  ;; The host writes where the configuration is to 0 and its length to 4.
  (func (export "proxy_on_configure") (param $root i32) (param $size i32) (result i32)
    (drop (call $get (i32.const 7) (i32.const 0) (local.get $size) (i32.const 0) (i32.const 4)))
    (i32.const 1))
  (func (export "proxy_on_new_connection") (param $stream i32) (result i32)
    (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (i32.const 0))
  ;; Nothing replaced at the start of the data is: put before it. The end of the stream comes without data.
  (func (export "proxy_on_downstream_data") (param $stream i32) (param $size i32) (param $end i32) (result i32)
    (if (local.get $size) (then
      (drop (call $set
        (i32.const 2) (i32.const 0) (i32.const 0) (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
    (i32.const 0)))
