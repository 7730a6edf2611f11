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
  onConfigure(size: u32): bool {
    log(LogLevelValues.info, "assemblyscript is configured");
    return size == 0 || super.onConfigure(size);
  }

  createContext(id: u32): Context {
    return new Exchange(id, this);
  }
}

class Exchange extends Context {
  onResponseHeaders(count: u32, end: bool): FilterHeadersStatusValues {
    const configured = this.root_context.getConfiguration();
    stream_context.headers.response.add("x-from", configured == "" ? "assemblyscript" : configured);
    return FilterHeadersStatusValues.Continue;
  }
}

registerRootContext((id: u32) => new Root(id), "x-from");
