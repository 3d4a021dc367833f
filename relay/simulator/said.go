package simulator

// What tests and traffic make a server's accounts do. All of it writes and returns; send.go
// has what also sends.

// Actor is the URI of the account.
func (s *Server) Actor(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.site.accounts[name]; a != nil {
		return a.uri
	}
	return s.site.base + s.site.software.actor(name, 0)
}

// Add moves an account in, or changes the one that has its name, which keeps its key.
func (s *Server) Add(a Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.site.move(a)
}

// Rotate gives an account another key under the same key id.
func (s *Server) Rotate(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.change(name, s.site.rotate)
}

// Remove deletes an account: its document is 410 from now on.
func (s *Server) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.change(name, func(a *account) { a.gone = true })
}

// Create writes a post and returns the activity that tells of it.
func (s *Server) Create(p Post) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.create(p)
}

// Edit changes the content of a post and returns its Update; it is written from the seed
// when empty.
func (s *Server) Edit(object, content string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.edit(object, content)
}

// Erase deletes a post and returns its Delete.
func (s *Server) Erase(object string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.erase(object)
}

// Announce is an account's boost of a post, of any server.
func (s *Server) Announce(name, object string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.announce(name, object)
}

// Profile tells of an account as it is now: after Add.
func (s *Server) Profile(name string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.profile(name)
}

// Leave is the Delete of an account by itself. Real servers Remove it before they send that.
func (s *Server) Leave(name string) (Activity, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.site.leave(name)
}
