// Adds `x-from: assemblyscript` to responses. The SDK knows a filter by its root id, here `x-from`.

export * from "@solo-io/proxy-runtime/proxy";
import {
  Context,
  FilterHeadersStatusValues,
  LogLevelValues,
  RootContext,
  log,
  registerRootContext,
  stream_context,
} from "@solo-io/proxy-runtime";

class Root extends RootContext {
  // In place of the SDK's, which has the host write the configuration's length to an address that is that length.
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
