package ingest

import (
	"fmt"
	"testing"

	"tributary/ingest/ap"
)

func TestTopicsOfAPost(t *testing.T) {
	var none Topics
	if !none.MayHaveTag("go") || !none.MayHaveLanguage("en") {
		t.Error("what is not known may be anything")
	}
	bare := topicsOf(&ap.Post{Language: "en"})
	if bare == 0 || bare.MayHaveTag("go") || !bare.MayHaveLanguage("en") || bare.MayHaveLanguage("de") {
		t.Errorf("%x", bare)
	}
	mixed := topicsOf(&ap.Post{Tags: []string{"go", "猫"}, Language: "pt-br"})
	if !mixed.MayHaveTag("go") || !mixed.MayHaveTag("猫") || !mixed.MayHaveLanguage("pt") || !mixed.MayHaveLanguage("pt-br") {
		t.Errorf("%x", mixed)
	}
	if undeclared := topicsOf(&ap.Post{}); !undeclared.MayHaveLanguage("ja") || undeclared.MayHaveTag("go") {
		t.Errorf("%x", undeclared)
	}
	wrong := 0
	for n := range 1000 {
		if mixed.MayHaveTag(fmt.Sprint("tag", n)) {
			wrong++
		}
	}
	if wrong > 50 {
		t.Errorf("%d of 1000 other hashtags", wrong)
	}
	if topicsOf(nil) != 0 || mixed.with(0) != 0 || none.with(mixed) != 0 || bare.with(mixed) != bare|mixed {
		t.Error("what is known of one version is not known of all")
	}
}

// They stand in logs and databases.
func TestTopicsStayAsTheyAre(t *testing.T) {
	if got := topicsOf(&ap.Post{Tags: []string{"golang"}, Language: "de"}); got != 0x4000900000000000 {
		t.Errorf("%#x", uint64(got))
	}
}

// What a post had in any version is told with what becomes of it, and a post of which that is not known stays so.
func TestFoldKeepsTopics(t *testing.T) {
	post := func(kind Kind, version int64, tags ...string) *Record {
		return &Record{
			Kind: kind, Object: "https://a.example/1", Actor: "https://a.example/a", Version: version, Content: uint64(version),
			Tier: TierLive, Grant: GrantSubscriber, Seq: uint64(version), Post: &ap.Post{Tags: tags, Language: "en"},
		}
	}
	gone := &Record{Kind: KindDelete, Object: "https://a.example/1", Actor: "https://a.example/a", Version: 9, Seq: 9}
	state, v := fold(nil, post(KindCreate, 1, "go"))
	if v.topics != 0 {
		t.Errorf("before its creation: %x", v.topics)
	}
	state, v = fold(&state, post(KindUpdate, 2, "rust"))
	if !v.topics.MayHaveTag("go") || v.topics.MayHaveTag("rust") {
		t.Errorf("before the edit: %x", v.topics)
	}
	if _, v = fold(&state, gone); !v.topics.MayHaveTag("go") || !v.topics.MayHaveTag("rust") || v.topics.MayHaveTag("cats") {
		t.Errorf("before the Delete: %x", v.topics)
	}
	state.topics = 0 // stored by a version that knew nothing of them
	state, _ = fold(&state, post(KindUpdate, 3, "cats"))
	if _, v = fold(&state, gone); v.topics != 0 {
		t.Errorf("of one that was not known: %x", v.topics)
	}
	beyond := post(KindUpdate, 4, "cats")
	beyond.ID, beyond.PrevTopics = 77, topicsOf(&ap.Post{Tags: []string{"go"}, Language: "en"})
	state, _ = fold(nil, beyond)
	if _, v = fold(&state, gone); !v.topics.MayHaveTag("go") || !v.topics.MayHaveTag("cats") || v.topics.MayHaveTag("rust") {
		t.Errorf("of one from beyond the window: %x", v.topics)
	}
}
