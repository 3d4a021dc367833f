package relay

import (
	"fmt"
	"strings"
)

// Role is what a member may do, as the operator decides.
type Role string

// The roles.
const (
	RoleBoth    Role = "both"    // publishes and receives
	RolePublish Role = "publish" // its posts are passed on; it gets none
	RoleReceive Role = "receive" // it gets posts; its own are refused
	RoleLimited Role = "limited" // it gets posts; its own are taken and shown here, but not passed on, and it is not followed back
	RolePaused  Role = "paused"  // neither; what it gets goes on later from where it stood
)

// Roles are all roles.
var Roles = []Role{RoleBoth, RolePublish, RoleReceive, RoleLimited, RolePaused}

// ParseRole reads what an operator typed.
func ParseRole(s string) (Role, error) {
	names := make([]string, len(Roles))
	for i, r := range Roles {
		if string(r) == s {
			return r, nil
		}
		names[i] = string(r)
	}
	return "", fmt.Errorf("relay: role %q: %w: it is one of %s", s, ErrRole, strings.Join(names, ", "))
}

func (r Role) publishes() bool { return r == RoleBoth || r == RolePublish }
