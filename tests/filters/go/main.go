// Adds `x-from: go` to responses. Without an SDK: the parts of ABI 0.2.1 that it needs are declared here.
package main

import "unsafe"

const (
	ok                  = 0
	logInfo             = 2
	continueStream      = 0
	responseHeaders     = 2
	pluginConfiguration = 7
)

//go:wasmimport env proxy_log
func proxyLog(level uint32, text *byte, size uint32) uint32

//go:wasmimport env proxy_get_buffer_bytes
func proxyGetBufferBytes(buffer, start, length uint32, bytes unsafe.Pointer, size *uint32) uint32

//go:wasmimport env proxy_add_header_map_value
func proxyAddHeaderMapValue(headers uint32, name *byte, nameSize uint32, value *byte, valueSize uint32) uint32

var (
	value = "go"
	// What the host asked for last: held here, or it would be garbage before it is read.
	allocated []byte
)

func main() {}

//go:wasmexport proxy_abi_version_0_2_1
func proxyABIVersion() {}

//go:wasmexport proxy_on_memory_allocate
func proxyOnMemoryAllocate(size uint32) *byte {
	allocated = make([]byte, size)
	return unsafe.SliceData(allocated)
}

//go:wasmexport proxy_on_configure
func proxyOnConfigure(_, size uint32) uint32 {
	if size > 0 {
		// The host writes an address in 4 bytes, where a pointer of Go's takes 8.
		var bytes, length uint32
		if proxyGetBufferBytes(pluginConfiguration, 0, size, unsafe.Pointer(&bytes), &length) != ok {
			return 0
		}
		value = string(allocated[:length])
	}
	text := "go is configured"
	proxyLog(logInfo, unsafe.StringData(text), uint32(len(text)))
	return 1
}

//go:wasmexport proxy_on_request_headers
func proxyOnRequestHeaders(_, _, _ uint32) uint32 {
	return continueStream
}

//go:wasmexport proxy_on_response_headers
func proxyOnResponseHeaders(_, _, _ uint32) uint32 {
	name := "x-from"
	proxyAddHeaderMapValue(responseHeaders, unsafe.StringData(name), uint32(len(name)), unsafe.StringData(value), uint32(len(value)))
	return continueStream
}
