// A witness and a verifier by other people, for the tests: github.com/transparency-dev/witness keeps the state and
// cosigns, github.com/transparency-dev/formats reads our cosignatures, policies and proofs, Go's own sumdb/note and
// sumdb/tlog our checkpoints and trees.
//
//	serve WITNESS_SKEY LOG_VKEY...           listens on a free port of 127.0.0.1 and prints it
//	keygen NAME                              prints a private and a public key of a witness
//	check LOG_VKEY POLICY_FILE < NOTE        prints origin, size and whether the policy is satisfied
//	cosignature WITNESS_VKEY LOG_VKEY < NOTE prints the time of the witness's cosignature
//	consistency LOG_VKEY OLD_ROOT < BODY     checks a consistency proof as add-checkpoint has it
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	fwitness "github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	var err error
	switch os.Args[1] {
	case "serve":
		err = serve(os.Args[2], os.Args[3:])
	case "keygen":
		err = keygen(os.Args[2])
	case "check":
		err = check(os.Args[2], os.Args[3])
	case "cosignature":
		err = cosignature(os.Args[2], os.Args[3])
	case "consistency":
		err = consistency(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve is a whole witness of somebody else's.
func serve(skey string, vkeys []string) error {
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		return err
	}
	logs := map[string]note.Verifier{}
	for _, vkey := range vkeys {
		v, err := note.NewVerifier(vkey)
		if err != nil {
			return err
		}
		logs[v.Name()] = v
	}
	w, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			v, ok := logs[origin]
			return v, ok, nil
		},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	return http.Serve(l, mux)
}

func keygen(name string) error {
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	cosigning, err := fnote.VKeyToCosignatureV1(vkey)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n%s\n", skey, cosigning)
	return nil
}

func check(logKey, policyFile string) error {
	raw, cp, err := readCheckpoint(logKey)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	group, err := fwitness.ParsePolicy(text)
	if err != nil {
		return err
	}
	fmt.Printf("%s %d %t\n", cp.Origin, cp.Size, group.Satisfied(raw))
	return nil
}

func cosignature(witnessKey, logKey string) error {
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	w, err := fnote.NewVerifierForCosignatureV1(witnessKey)
	if err != nil {
		return err
	}
	l, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	n, err := note.Open(raw, note.VerifierList(w, l))
	if err != nil {
		return err
	}
	for _, sig := range n.Sigs {
		if sig.Name == w.Name() && sig.Hash == w.KeyHash() {
			at, err := fnote.CoSigV1Timestamp(sig)
			if err != nil {
				return err
			}
			fmt.Println(at.Unix())
			return nil
		}
	}
	return fmt.Errorf("no cosignature by %s", w.Name())
}

func consistency(logKey, oldRoot string) error {
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	head, signed, _ := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, h)
	}
	before, err := tlog.ParseHash(oldRoot)
	if err != nil {
		return err
	}
	cp, err := open(signed, logKey)
	if err != nil {
		return err
	}
	var after tlog.Hash
	copy(after[:], cp.Hash)
	if err := tlog.CheckTree(proof, int64(cp.Size), after, old, before); err != nil {
		return err
	}
	fmt.Printf("%d %d %s\n", old, cp.Size, base64.StdEncoding.EncodeToString(cp.Hash))
	return nil
}

func readCheckpoint(logKey string) ([]byte, *log.Checkpoint, error) {
	raw, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, nil, err
	}
	cp, err := open(raw, logKey)
	return raw, cp, err
}

func open(raw []byte, logKey string) (*log.Checkpoint, error) {
	v, err := note.NewVerifier(logKey)
	if err != nil {
		return nil, err
	}
	cp, _, _, err := log.ParseCheckpoint(raw, v.Name(), v)
	return cp, err
}
