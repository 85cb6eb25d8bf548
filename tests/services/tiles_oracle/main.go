// Command tiles_oracle checks a static log (C2SP tlog-tiles) with Tessera's fsck: an implementation that shares no line
// with ours. It re-derives every tile from the entries, and the root from the tiles, and compares all with what is there.
//
//	tiles_oracle KEYFILE file:///path/to/log
//	tiles_oracle KEYFILE http://host/prefix/ [bearer token]
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: tiles_oracle KEYFILE URL [TOKEN]")
	}
	key, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(key)))
	if err != nil {
		return err
	}
	source, err := fetcher(args[1:])
	if err != nil {
		return err
	}
	check := fsck.New(verifier.Name(), verifier, source, leaves, fsck.Opts{N: 2})
	return check.Check(context.Background())
}

func fetcher(args []string) (fsck.Fetcher, error) {
	place, err := url.Parse(args[0])
	if err != nil {
		return nil, err
	}
	if place.Scheme == "file" {
		return &client.FileFetcher{Root: place.Path}, nil
	}
	source, err := client.NewHTTPFetcher(place, nil)
	if err == nil && len(args) > 1 {
		source.SetAuthorizationHeader("Bearer " + args[1])
	}
	return source, err
}

func leaves(data []byte) ([][]byte, error) {
	bundle := &api.EntryBundle{}
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(bundle.Entries))
	for _, entry := range bundle.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}
