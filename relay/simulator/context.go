package simulator

// JSON-LD contexts, as the softwares write them on posts and activities.
const (
	contextPlain = `"https://www.w3.org/ns/activitystreams"`

	contextMastodon = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{"ostatus":"http://ostatus.org#",` +
		`"atomUri":"ostatus:atomUri","inReplyToAtomUri":"ostatus:inReplyToAtomUri","conversation":"ostatus:conversation",` +
		`"sensitive":"as:sensitive","toot":"http://joinmastodon.org/ns#","votersCount":"toot:votersCount","Hashtag":"as:Hashtag",` +
		`"blurhash":"toot:blurhash","focalPoint":{"@container":"@list","@id":"toot:focalPoint"},` +
		`"discoverable":"toot:discoverable","indexable":"toot:indexable","memorial":"toot:memorial","suspended":"toot:suspended",` +
		`"manuallyApprovesFollowers":"as:manuallyApprovesFollowers","schema":"http://schema.org#","PropertyValue":"schema:PropertyValue",` +
		`"value":"schema:value","searchableBy":{"@id":"https://w3id.org/fep/268d#searchableBy","@type":"@id"}}]`

	contextMisskey = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{"Key":"sec:Key",` +
		`"manuallyApprovesFollowers":"as:manuallyApprovesFollowers","sensitive":"as:sensitive","Hashtag":"as:Hashtag",` +
		`"quoteUrl":"as:quoteUrl","toot":"http://joinmastodon.org/ns#","Emoji":"toot:Emoji","featured":"toot:featured",` +
		`"discoverable":"toot:discoverable","indexable":"toot:indexable","schema":"http://schema.org#","PropertyValue":"schema:PropertyValue",` +
		`"value":"schema:value","misskey":"https://misskey-hub.net/ns#","_misskey_content":"misskey:_misskey_content",` +
		`"_misskey_quote":"misskey:_misskey_quote","_misskey_summary":"misskey:_misskey_summary","isCat":"misskey:isCat",` +
		`"_misskey_requireSigninToViewContents":"misskey:_misskey_requireSigninToViewContents","vcard":"http://www.w3.org/2006/vcard/ns#"}]`

	contextLitePub = `["https://www.w3.org/ns/activitystreams","https://pleroma.example/schemas/litepub-0.1.jsonld",{"@language":"und"}]`

	contextGoToSocial = `["https://gotosocial.org/ns","https://www.w3.org/ns/activitystreams",{"discoverable":"toot:discoverable",` +
		`"indexable":"toot:indexable","manuallyApprovesFollowers":"as:manuallyApprovesFollowers","sensitive":"as:sensitive",` +
		`"toot":"http://joinmastodon.org/ns#"}]`

	contextFriendica = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1",{"vcard":"http://www.w3.org/2006/vcard/ns#",` +
		`"dfrn":"http://purl.org/macgirvin/dfrn/1.0/","diaspora":"https://diasporafoundation.org/ns/","litepub":"http://litepub.social/ns#",` +
		`"toot":"http://joinmastodon.org/ns#","schema":"http://schema.org#","manuallyApprovesFollowers":"as:manuallyApprovesFollowers",` +
		`"sensitive":"as:sensitive","Hashtag":"as:Hashtag","directMessage":"litepub:directMessage","discoverable":"toot:discoverable",` +
		`"PropertyValue":"schema:PropertyValue","value":"schema:value"}]`

	contextFedify = `["https://www.w3.org/ns/activitystreams","https://w3id.org/security/v1","https://w3id.org/security/data-integrity/v1",` +
		`{"toot":"http://joinmastodon.org/ns#","discoverable":"toot:discoverable","indexable":"toot:indexable",` +
		`"manuallyApprovesFollowers":"as:manuallyApprovesFollowers","sensitive":"as:sensitive","Hashtag":"as:Hashtag",` +
		`"emojiReactions":{"@id":"https://w3id.org/fep/c0e0#emojiReactions","@type":"@id"}}]`

	contextLemmy = `["https://join-lemmy.org/context.json","https://www.w3.org/ns/activitystreams"]`
)
