package signature

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// Derived components that are understood (RFC 9421 §2.2). @query-param takes a
// parameter, and @status is of answers: nobody signs requests with them.
var derivedComponents = []string{
	"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query",
}

// Algorithms of RFC 9421 §3.3 that keys of the fediverse have.
const (
	algorithmRSA     = "rsa-v1_5-sha256"
	algorithmEd25519 = "ed25519"
)

// message is what a signature of RFC 9421 has beyond one of draft-cavage. Its
// covered components are Signature.headers.
type message struct {
	params string // @signature-params as it is signed
}

// parseMessage reads Signature-Input and Signature (RFC 9421 §4). There must be
// one signature: which of several should count, two servers could see differently.
func parseMessage(r *http.Request) (*Signature, error) {
	input, err := oneMember(r.Header["Signature-Input"])
	if err != nil {
		return nil, err
	}
	value, err := oneMember(r.Header["Signature"])
	if err != nil {
		return nil, err
	}
	if input.label != value.label {
		return nil, fmt.Errorf("%w: Signature-Input and Signature have different labels", ErrMalformed)
	}
	s, err := parseInput(input)
	if err != nil {
		return nil, err
	}
	item, ok := value.member.(httpsfv.Item)
	if !ok || len(item.Params.Names()) > 0 {
		return nil, fmt.Errorf("%w: Signature is not a byte sequence", ErrMalformed)
	}
	s.value, ok = item.Value.([]byte)
	if !ok || len(s.value) == 0 || len(s.value) > maxSignatureBytes {
		return nil, fmt.Errorf("%w: Signature is not a byte sequence", ErrMalformed)
	}
	return s, nil
}

// labelled is the one member of a dictionary field.
type labelled struct {
	label  string
	member httpsfv.Member
	// semicolons counts the parameters that were written outside of parentheses:
	// of doubled ones the parser keeps the last.
	semicolons int
}

func oneMember(values []string) (labelled, error) {
	var l labelled
	if len(values) != 1 {
		return l, fmt.Errorf("%w: %d header fields for one signature", ErrMalformed, len(values))
	}
	if len(values[0]) > maxHeaderBytes {
		return l, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(values[0]))
	}
	dict, err := httpsfv.UnmarshalDictionary(values)
	if err != nil {
		return l, fmt.Errorf("%w: not a dictionary: %w", ErrMalformed, err)
	}
	names := dict.Names()
	commas, semicolons := separators(values[0])
	if len(names) != 1 || commas > 0 {
		return l, fmt.Errorf("%w: %d signatures", ErrUnsupported, max(len(names), commas+1))
	}
	l.label, l.semicolons = names[0], semicolons
	l.member, _ = dict.Get(l.label)
	return l, nil
}

// separators counts the commas outside of strings, and the semicolons outside of
// strings and parentheses.
func separators(text string) (commas, semicolons int) {
	quoted, depth := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',':
			commas++
		case c == ';' && depth == 0:
			semicolons++
		}
	}
	return commas, semicolons
}

// parseInput reads the covered components and the parameters (RFC 9421 §2.3).
func parseInput(in labelled) (*Signature, error) {
	list, ok := in.member.(httpsfv.InnerList)
	if !ok {
		return nil, fmt.Errorf("%w: Signature-Input is not a list of components", ErrMalformed)
	}
	s := &Signature{message: &message{}}
	if len(list.Items) == 0 || len(list.Items) > maxSignedHeaders {
		return nil, fmt.Errorf("%w: list of %d components", ErrMalformed, len(list.Items))
	}
	for _, item := range list.Items {
		name, err := component(item)
		if err != nil {
			return nil, err
		}
		if slices.Contains(s.headers, name) {
			return nil, fmt.Errorf("%w: a component is listed twice", ErrMalformed)
		}
		s.headers = append(s.headers, name)
	}
	if in.semicolons != len(list.Params.Names()) {
		return nil, fmt.Errorf("%w: a parameter comes twice", ErrMalformed)
	}
	if err := s.readParameters(list.Params); err != nil {
		return nil, err
	}
	var err error
	if s.message.params, err = httpsfv.Marshal(list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return s, nil
}

// component reads the name of a covered component. Parameters (;req, ;sf, ;bs,
// ;key) change what is signed; nobody needs them here.
func component(item httpsfv.Item) (string, error) {
	name, ok := item.Value.(string)
	switch {
	case !ok || len(item.Params.Names()) > 0:
		return "", fmt.Errorf("%w: a component with parameters, or without a name", ErrUnsupported)
	case strings.HasPrefix(name, "@"):
		if !slices.Contains(derivedComponents, name) {
			return "", fmt.Errorf("%w: component %.32q", ErrUnsupported, name)
		}
		return name, nil
	case !isToken(name) || strings.ToLower(name) != name:
		return "", fmt.Errorf("%w: a component has no header's name", ErrMalformed)
	case name == "signature" || name == "signature-input":
		return "", fmt.Errorf("%w: a signature of a signature", ErrUnsupported)
	}
	return name, nil
}

func (s *Signature) readParameters(params *httpsfv.Params) error {
	for _, name := range params.Names() {
		v, _ := params.Get(name)
		ok := true
		switch name {
		case "keyid":
			s.KeyID, ok = v.(string)
		case "alg":
			s.algorithm, ok = v.(string)
			ok = ok && s.algorithm != ""
		case "created":
			s.created, ok = v.(int64)
			ok = ok && s.created > 0 && s.created < 1<<40
		case "expires":
			s.expires, ok = v.(int64)
			ok = ok && s.expires > 0 && s.expires < 1<<40
		case "nonce", "tag":
			_, ok = v.(string)
		default:
			return fmt.Errorf("%w: parameter %.32q", ErrUnsupported, name)
		}
		if !ok {
			return fmt.Errorf("%w: %s is not what it should be", ErrMalformed, name)
		}
	}
	if s.KeyID == "" || len(s.KeyID) > maxKeyIDBytes {
		return fmt.Errorf("%w: keyid of %d bytes", ErrMalformed, len(s.KeyID))
	}
	return nil
}

// checkMessage is Check for RFC 9421.
func (s *Signature) checkMessage(r *http.Request, body []byte, now time.Time) error {
	switch s.algorithm {
	case "", algorithmRSA, algorithmEd25519:
	default:
		return fmt.Errorf("%w: %.32q", ErrAlgorithm, s.algorithm)
	}
	if err := s.checkComponents(r); err != nil {
		return err
	}
	if err := s.checkMessageWindow(now); err != nil {
		return err
	}
	if s.signs("content-digest") {
		return checkContentDigest(r.Header["Content-Digest"][0], body)
	}
	return nil
}

// checkComponents demands that what decides is signed: method, the whole target,
// and the body of a request that has one.
func (s *Signature) checkComponents(r *http.Request) error {
	target := s.signs("@target-uri") ||
		s.signs("@authority") && (s.signs("@request-target") ||
			s.signs("@path") && (s.signs("@query") || r.URL.RawQuery == ""))
	body := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case !s.signs("@method"):
		return fmt.Errorf("%w: @method", ErrCoverage)
	case !target:
		return fmt.Errorf("%w: @target-uri", ErrCoverage)
	case body && !s.signs("content-digest"):
		return fmt.Errorf("%w: content-digest", ErrCoverage)
	case s.created == 0:
		return fmt.Errorf("%w: created", ErrCoverage)
	}
	for _, name := range s.headers {
		if strings.HasPrefix(name, "@") {
			continue
		}
		if err := checkPresent(r, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *Signature) checkMessageWindow(now time.Time) error {
	if err := within(time.Unix(s.created, 0), now, MaxSkew); err != nil {
		return err
	}
	if s.expires != 0 && now.After(time.Unix(s.expires, 0)) {
		return fmt.Errorf("%w: expired", ErrStale)
	}
	return nil
}

// messageExpires is Expires for RFC 9421.
func (s *Signature) messageExpires() time.Time {
	end := time.Unix(s.created, 0).Add(MaxAge)
	if s.expires != 0 && time.Unix(s.expires, 0).Before(end) {
		end = time.Unix(s.expires, 0)
	}
	return end.Add(time.Second)
}

// verifyMessage checks the signature itself. The algorithm is the key's; alg may
// only agree (RFC 9421 §3.2 step 6).
func (s *Signature) verifyMessage(r *http.Request, key crypto.PublicKey) error {
	var check func(base string) bool
	switch k := key.(type) {
	case *rsa.PublicKey:
		if s.algorithm == "" || s.algorithm == algorithmRSA {
			check = func(base string) bool {
				sum := sha256.Sum256([]byte(base))
				return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], s.value) == nil
			}
		}
	case ed25519.PublicKey:
		if s.algorithm == "" || s.algorithm == algorithmEd25519 {
			check = func(base string) bool { return ed25519.Verify(k, []byte(base), s.value) }
		}
	}
	if check == nil {
		return fmt.Errorf("%w: %.32q with a key of type %T", ErrAlgorithm, s.algorithm, key)
	}
	// Behind a proxy that ends TLS the scheme is not known: it is nearly always
	// https, and it decides nothing.
	if check(s.base(r, "https")) || r.TLS == nil && check(s.base(r, "http")) {
		return nil
	}
	return fmt.Errorf("%w: RFC 9421", ErrInvalid)
}

// base is the signature base (RFC 9421 §2.5).
func (s *Signature) base(r *http.Request, scheme string) string {
	var b strings.Builder
	for _, name := range s.headers {
		b.WriteString(`"` + name + `": ` + componentValue(r, name, scheme) + "\n")
	}
	b.WriteString(`"@signature-params": ` + s.message.params)
	return b.String()
}

// componentValue is the value of a component (RFC 9421 §2.1, §2.2).
func componentValue(r *http.Request, name, scheme string) string {
	path, query := target(r.URL)
	if query != "" {
		query = "?" + query
	}
	switch name {
	case "@method":
		return r.Method
	case "@target-uri":
		return scheme + "://" + messageAuthority(r, scheme) + path + query
	case "@authority":
		return messageAuthority(r, scheme)
	case "@scheme":
		return scheme
	case "@request-target":
		return path + query
	case "@path":
		return path
	case "@query":
		if query == "" {
			return "?"
		}
		return query
	case "host":
		return hostOf(r)
	}
	values := slices.Clone(r.Header[http.CanonicalHeaderKey(name)])
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	return strings.Join(values, ", ")
}

// hostOf is the host that a request is sent to, on either side.
func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// messageAuthority is the host in its normal form (RFC 9421 §2.2.3).
func messageAuthority(r *http.Request, scheme string) string {
	host := strings.ToLower(hostOf(r))
	if scheme == "http" {
		return strings.TrimSuffix(host, ":80")
	}
	return strings.TrimSuffix(host, ":443")
}
