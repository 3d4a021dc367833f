package linkeddata

import (
	"fmt"
	"slices"
	"strings"

	"tributary/ingest/signature"
)

// Bounds of a context that stands in the document.
const (
	maxContexts = 16  // entries of an array
	maxTerms    = 256 // of all objects in it together; Mastodon writes 30
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: linked data: "+format, append([]any{signature.ErrMalformed}, args...)...)
}

// checkShape refuses what lets one set of statements be written as different
// trees, or one tree mean different statements (CVE-2026-46349): the document
// must be one object in which every name has the meaning that a reader of plain
// JSON takes it to have. It looks at names at any depth, before anything is expanded.
func checkShape(doc map[string]any) error {
	context, ok := doc["@context"]
	if !ok {
		return refused("no @context")
	}
	if err := checkContext(context); err != nil {
		return err
	}
	for name, v := range doc {
		if name == "@context" {
			continue
		}
		if err := checkMember(name, v, name == "proof"); err != nil {
			return err
		}
	}
	return nil
}

// checkMember checks a member and all below it. A proof (FEP-8b32) repeats the
// document's context, and is not read here.
func checkMember(name string, v any, proof bool) error {
	if name == "@context" && proof {
		return checkContext(v)
	}
	if err := checkName(name); err != nil {
		return err
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if err := checkMember(name, inner, proof); err != nil {
				return err
			}
		}
	case []any:
		for _, inner := range v {
			if err := checkMember("", inner, proof); err != nil {
				return err
			}
		}
	case string:
		if (name == "id" || name == "@id") && strings.HasPrefix(v, "_:") {
			return refused("a blank node has a name")
		}
	}
	return nil
}

func checkName(name string) error {
	switch {
	case strings.HasPrefix(name, "_:"):
		return refused("a blank node as a member's name")
	case !strings.HasPrefix(name, "@"):
		return nil
	case slices.Contains([]string{"@id", "@type", "@value", "@language", "@list", "@set"}, name):
		return nil
	}
	return refused("member %.32q", name) // @graph, @included, @reverse, @nest, @index, @context inside …
}

// checkContext refuses contexts that are not bundled, and definitions that give
// a name another meaning than it has elsewhere.
func checkContext(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 || len(list) > maxContexts {
		return refused("%d contexts", len(list))
	}
	terms := 0
	for _, entry := range list {
		switch entry := entry.(type) {
		case string:
			if _, ok := bundled[contextURL(entry)]; !ok {
				return fmt.Errorf("%w: linked data: context %.100q is not known", signature.ErrUnsupported, entry)
			}
		case map[string]any:
			if terms += len(entry); terms > maxTerms {
				return refused("more than %d terms", maxTerms)
			}
			if err := checkTerms(entry); err != nil {
				return err
			}
		default:
			return refused("a context of type %T", entry)
		}
	}
	return nil
}

func checkTerms(terms map[string]any) error {
	for name, v := range terms {
		if err := checkTerm(name, v, terms); err != nil {
			return err
		}
	}
	return nil
}

func checkTerm(name string, v any, terms map[string]any) error {
	switch name {
	case "@vocab", "@language":
		if _, ok := v.(string); !ok {
			return refused("%s is not text", name)
		}
		return nil
	case "@version", "@protected":
		return nil
	}
	if strings.HasPrefix(name, "@") || strings.HasPrefix(name, "_:") {
		return refused("context defines %.32q", name) // @base, @import, @propagate, keywords
	}
	switch v := v.(type) {
	case string:
		if err := checkTarget(name, v); err != nil {
			return err
		}
	case map[string]any:
		if err := checkDefinition(name, v); err != nil {
			return err
		}
	default: // null hides a member from the signature
		return refused("term %.32q is defined by %T", name, v)
	}
	if want, ok := core()[name]; ok {
		if got, _ := define(v, terms); got != want {
			return refused("term %.32q is given another meaning", name)
		}
	}
	return nil
}

// checkTarget refuses aliases of keywords but for the two that everybody writes.
func checkTarget(name, target string) error {
	if target == "" || strings.HasPrefix(target, "_:") {
		return refused("term %.32q stands for a blank node", name)
	}
	if strings.HasPrefix(target, "@") && target != "@"+name || target == "@graph" {
		return refused("term %.32q is an alias of %.32q", name, target)
	}
	if strings.HasPrefix(target, "@") && name != "id" && name != "type" {
		return refused("term %.32q is a keyword", name)
	}
	return nil
}

// checkDefinition refuses all that JSON-LD 1.1 can do with a term beyond naming
// it, its datatype, and whether it is a list.
func checkDefinition(name string, def map[string]any) error {
	for key, v := range def {
		switch key {
		case "@id":
			target, ok := v.(string)
			if !ok {
				return refused("term %.32q has no @id", name)
			}
			if err := checkTarget(name, target); err != nil {
				return err
			}
		case "@type":
			coerce, ok := v.(string)
			if !ok || strings.HasPrefix(coerce, "@") && coerce != "@id" && coerce != "@vocab" {
				return refused("term %.32q has a type %.32q", name, v)
			}
		case "@container":
			if err := checkContainer(name, v); err != nil {
				return err
			}
		case "@protected", "@prefix":
		default: // @reverse, @context, @nest, @index, @language …
			return refused("term %.32q has a %.32q", name, key)
		}
	}
	return nil
}

func checkContainer(name string, v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, c := range list {
		switch c {
		case "@list", "@set", "@language":
		default:
			return refused("term %.32q is a container %.32q", name, c)
		}
	}
	return nil
}
