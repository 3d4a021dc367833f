package stream

import (
	"encoding/json"
	"net/http"
)

// refusal is a request that is answered before the upgrade, in JSON:
//
//	{"error":"FutureCursor","message":"…","tip":123}
type refusal struct {
	status  int
	name    string // closed set: the refusals below; the metric's label
	message string
	tip     *uint64 // of FutureCursor
	retry   string  // Retry-After, seconds
}

// The refusals. The names are the API's.
const (
	refuseMethod      = "MethodNotAllowed"
	refuseUpgrade     = "UpgradeRequired"
	refuseHandshake   = "BadHandshake"
	refuseRequest     = "InvalidRequest"
	refuseFuture      = "FutureCursor"
	refuseNoToken     = "MissingToken"
	refuseToken       = "InvalidToken"
	refuseScope       = "MissingScope"
	refuseFull        = "TooManyClients"
	refuseAddress     = "TooManyConnections"
	refuseShutdown    = "ShuttingDown"
	refuseUnavailable = "Unavailable"
)

func invalid(message string) *refusal {
	return &refusal{status: http.StatusBadRequest, name: refuseRequest, message: message}
}

func unavailable(name, message string) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, name: name, message: message, retry: "5"}
}

// write answers the request.
func (f *refusal) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Access-Control-Allow-Origin", "*")
	switch f.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="tributary"`)
	case http.StatusMethodNotAllowed:
		h.Set("Allow", http.MethodGet)
	case http.StatusUpgradeRequired:
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
	}
	if f.retry != "" {
		h.Set("Retry-After", f.retry)
	}
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(struct {
		Error   string  `json:"error"`
		Message string  `json:"message"`
		Tip     *uint64 `json:"tip,omitempty"`
	}{f.name, f.message, f.tip})
}

func tooMany() *refusal {
	return &refusal{
		status: http.StatusTooManyRequests, name: refuseAddress,
		message: "too many connections from this address", retry: "60",
	}
}
