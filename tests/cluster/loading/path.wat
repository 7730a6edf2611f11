;; A filter whose configuration is the path that the app receives. As an HTTP filter, it replaces the path of every request; as a
;; network filter, the first character of the path. It refuses a configuration that does not begin with a slash.
(module
  (import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (data (i32.const 16) ":path")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 2048))

  ;; Where a context keeps the length and the text of its configuration.
  (func $slot (param $context i32) (result i32)
    (i32.add (i32.const 65536) (i32.shl (local.get $context) (i32.const 5))))

  (func (export "proxy_on_context_create") (param $context i32) (param $parent i32)
    (memory.copy (call $slot (local.get $context)) (call $slot (local.get $parent)) (i32.const 32)))

  (func (export "proxy_on_configure") (param $root i32) (param $length i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $slot (local.get $root)))
    (drop (call $get (i32.const 7) (i32.const 0) (local.get $length) (i32.const 0) (i32.const 4)))
    (i32.store (local.get $slot) (local.get $length))
    (memory.copy (i32.add (local.get $slot) (i32.const 4)) (i32.const 2048) (local.get $length))
    (i32.eq (i32.load8_u (i32.const 2048)) (i32.const 47)))

  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $slot (local.get $context)))
    (drop (call $replace (i32.const 0) (i32.const 16) (i32.const 5)
      (i32.add (local.get $slot) (i32.const 4)) (i32.load (local.get $slot))))
    (i32.const 0))

  ;; In data at 2048 that begins with `GET /`: writes `GET ` and the configuration over `GET /`, so that they end where it ends.
  (func (export "proxy_on_downstream_data") (param $context i32) (param $length i32) (param i32) (result i32)
    (local $slot i32) (local $text i32) (local $start i32)
    (local.set $slot (call $slot (local.get $context)))
    (local.set $text (i32.load (local.get $slot)))
    (drop (call $get (i32.const 2) (i32.const 0) (local.get $length) (i32.const 0) (i32.const 4)))
    (local.set $start (i32.sub (i32.const 2049) (local.get $text)))
    (i32.store (local.get $start) (i32.const 0x20544547))
    (memory.copy (i32.add (local.get $start) (i32.const 4)) (i32.add (local.get $slot) (i32.const 4)) (local.get $text))
    (drop (call $set (i32.const 2) (i32.const 0) (local.get $length) (local.get $start)
      (i32.add (local.get $text) (i32.sub (local.get $length) (i32.const 1)))))
    (i32.const 0)))
