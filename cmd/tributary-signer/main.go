// Command tributary-signer makes RSA signatures with OpenSSL's libcrypto, for `tributary serve`, whose child it is: by
// hand it does nothing but tell whether the library can be loaded.
//
//	tributary-signer check [--library PATH]
//
// It is a program of its own because it loads a library, for which it must be linked dynamically; tributary itself is
// static.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"tributary/ingest/child"
	"tributary/ingest/signer"
	"tributary/ingest/signer/libcrypto"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || args[0] != "serve" && args[0] != "check" {
		return errors.New("`tributary serve` starts this program; by hand: tributary-signer check [--library PATH]")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	path := flags.String("library", "", "path of libcrypto (default: the system's)")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	library, err := libcrypto.Load(*path)
	if err == nil && args[0] == "check" {
		fmt.Println(library.Version())
		return nil
	}
	if err == nil {
		err = serve(library)
	}
	return err
}

// serve ends with the parent, whichever of the two sockets says so first.
func serve(library *libcrypto.Library) error {
	ctx, stop := child.Context(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- signer.Serve(child.TalkFD, func(der []byte) (signer.Key, error) { return library.Key(der) }, child.Ready)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}
