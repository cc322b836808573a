// CRC-32 as zip archives have it. Pure: any thread.
#pragma once
#include <cstddef>
#include <cstdint>

namespace flambeau {

/// The checksum of n bytes that come after others, whose checksum is `before` (0: there are none).
uint32_t crc32(const void* bytes, size_t n, uint32_t before = 0);

}  // namespace flambeau
