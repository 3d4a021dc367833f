// What Fedify thinks of a delivery, each signature asked by itself: its inbox takes
// the first that holds, so that its answer alone does not say which ones were good.

import { verifyJsonLd, verifyObject, verifyRequestDetailed } from "@fedify/fedify";
import { Activity } from "@fedify/vocab";

/** {http, ld, proof} of an inbox request and its parsed body. */
export async function verify(request, body, context) {
  const options = { documentLoader: context.documentLoader, contextLoader: context.contextLoader };
  const [http, ld, proof] = await Promise.all([
    verifyHttp(request, options),
    verifyLd(body, options),
    verifyProof(body, options),
  ]);
  return { http, ld, proof };
}

async function verifyHttp(request, options) {
  try {
    const result = await verifyRequestDetailed(request.clone(), options);
    if (!result.verified) {
      return {
        verified: false,
        key: result.reason.keyId?.href ?? "",
        owner: "",
        error: result.reason.type,
      };
    }
    return {
      verified: true,
      key: result.key.id?.href ?? "",
      owner: result.key.ownerId?.href ?? "",
      error: "",
    };
  } catch (error) {
    return { verified: false, key: "", owner: "", error: String(error) };
  }
}

async function verifyLd(body, options) {
  const present = body.signature !== undefined;
  const key = body.signature?.creator ?? "";
  if (!present) return { present, verified: false, key, error: "" };
  try {
    return { present, verified: await verifyJsonLd(body, options), key, error: "" };
  } catch (error) {
    return { present, verified: false, key, error: String(error) };
  }
}

async function verifyProof(body, options) {
  const present = body.proof !== undefined;
  const key = body.proof?.verificationMethod ?? "";
  if (!present) return { present, verified: false, key, error: "" };
  const { signature: _, ...unsigned } = body; // the LD signature is made over the proof, not under it
  try {
    return { present, verified: (await verifyObject(Activity, unsigned, options)) !== null, key, error: "" };
  } catch (error) {
    return { present, verified: false, key, error: String(error) };
  }
}
