package httpapi

// Names is how many names a Limiter remembers.
func (l *Limiter) Names() int { return len(l.names) }
