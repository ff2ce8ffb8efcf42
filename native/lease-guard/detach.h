#pragma once

namespace berth {

/// Closes what the parent left open beyond standard error.
void closeInherited();

/// Becomes a session of its own that outlives whoever started it, and the last that the OOM killer picks (as far as
/// this process may ask for that).
void detach();

}  // namespace berth
