// Fetches an image as Istio's agent does, and writes the module in it to standard output.
package main

import (
	"context"
	"fmt"
	"os"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/wasm"
)

func fetch(reference string) ([]byte, error) {
	// By default, Istio logs to standard output.
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	if err := log.Configure(options); err != nil {
		return nil, err
	}
	fetcher := wasm.NewImageFetcher(context.Background(), wasm.ImageFetcherOption{})
	module, _, err := fetcher.PrepareFetch(reference)
	if err != nil {
		return nil, err
	}
	return module()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: istio-fetch IMAGE")
		os.Exit(2)
	}
	module, err := fetch(os.Args[1])
	if err == nil {
		_, err = os.Stdout.Write(module)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
