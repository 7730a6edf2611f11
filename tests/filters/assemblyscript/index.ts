// Adds `x-from: assemblyscript` to responses. The SDK selects a filter by its root id, here `x-from`. The other ids
// are filters for tests/conformance.

export * from "@solo-io/proxy-runtime/proxy";
import {
  Context,
  Counter,
  FilterDataStatusValues,
  FilterHeadersStatusValues,
  FilterTrailersStatusValues,
  GrpcStatusValues,
  HeaderPair,
  LogLevelValues,
  RootContext,
  WasmResultValues,
  continue_request,
  log,
  registerRootContext,
  send_local_response,
  stream_context,
} from "@solo-io/proxy-runtime";

class Root extends RootContext {
  // Replaces the function of the SDK, which passes the length of the configuration as the address for the length.
  onConfigure(size: u32): bool {
    log(LogLevelValues.info, "assemblyscript is configured");
    return true;
  }

  createContext(id: u32): Context {
    return new Exchange(id, this);
  }
}

class Exchange extends Context {
  onResponseHeaders(count: u32, end: bool): FilterHeadersStatusValues {
    stream_context.headers.response.add("x-from", "assemblyscript");
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new Root(id), "x-from");

// The root of the filters below: all start the same way.
class Plain extends RootContext {
  onConfigure(size: u32): bool {
    return true;
  }
}

function pair(name: string, value: string): HeaderPair {
  return new HeaderPair(String.UTF8.encode(name), String.UTF8.encode(value));
}

class Logging extends Plain {
  createContext(id: u32): Context {
    return new LoggingExchange(id, this);
  }
}

class LoggingExchange extends Context {
  onRequestHeaders(count: u32, end: bool): FilterHeadersStatusValues {
    const headers = stream_context.headers.request;
    log(LogLevelValues.info, "x-a is " + headers.get("x-a"));
    headers.replace("x-a", "2");
    headers.remove("x-gone");
    const names: string[] = [];
    const all = headers.get_headers();
    for (let i = 0; i < all.length; i++) names.push(String.UTF8.decode(all[i].key));
    log(LogLevelValues.info, names.join(" "));
    const counter = new Counter("assemblyscript_requests");
    counter.increment(2);
    return FilterHeadersStatusValues.Continue;
  }

  onRequestBody(size: usize, end: bool): FilterDataStatusValues {
    log(LogLevelValues.warn, "body: " + size.toString() + ", " + end.toString());
    return FilterDataStatusValues.Continue;
  }

  onRequestTrailers(count: u32): FilterTrailersStatusValues {
    stream_context.trailers.request.add("x-count", count.toString());
    return FilterTrailersStatusValues.Continue;
  }

  onLog(): void {
    log(LogLevelValues.error, "logged " + stream_context.headers.response.get(":status"));
  }
}

class Replying extends Plain {
  createContext(id: u32): Context {
    return new ReplyingExchange(id, this);
  }
}

class ReplyingExchange extends Context {
  onRequestHeaders(count: u32, end: bool): FilterHeadersStatusValues {
    const headers: HeaderPair[] = [pair("x-from", "assemblyscript")];
    send_local_response(418, "short and stout", String.UTF8.encode("a teapot"), headers, GrpcStatusValues.Ok);
    return FilterHeadersStatusValues.StopIteration;
  }
}

class Calling extends Plain {
  createContext(id: u32): Context {
    return new CallingExchange(id, this);
  }
}

class CallingExchange extends Context {
  onRequestHeaders(count: u32, end: bool): FilterHeadersStatusValues {
    const headers: HeaderPair[] = [
      pair(":method", "GET"),
      pair(":path", "/user"),
      pair(":authority", "auth.test"),
    ];
    const none: HeaderPair[] = [];
    const made = this.root_context.httpCall("auth", headers, new ArrayBuffer(0), none, 5000, this, (origin, count, size, trailers) => {
      stream_context.headers.request.add("x-user", stream_context.headers.http_callback.get("x-user"));
      continue_request();
    });
    return made == WasmResultValues.Ok ? FilterHeadersStatusValues.StopIteration : FilterHeadersStatusValues.Continue;
  }
}

class Throwing extends Plain {
  createContext(id: u32): Context {
    return new ThrowingExchange(id, this);
  }
}

class ThrowingExchange extends Context {
  onRequestHeaders(count: u32, end: bool): FilterHeadersStatusValues {
    throw new Error("as it was told");
  }
}

registerRootContext((id: u32) => new Logging(id), "logging");
registerRootContext((id: u32) => new Replying(id), "replying");
registerRootContext((id: u32) => new Calling(id), "calling");
registerRootContext((id: u32) => new Throwing(id), "throwing");
