#ifndef CCHACHAPOLY_H
#define CCHACHAPOLY_H

#include <stddef.h>
#include <stdint.h>

/// ChaCha20-Poly1305 (RFC 8439) for short messages under Noise's nonce: 32 zero bits and the counter, little-endian.
///
/// A Stratum V2 frame is two messages of 6 and some 20 to 60 bytes. OpenSSL's general interface spends several times
/// the cipher's own time on each of them; long messages are faster there.

/// Encrypts `count` bytes at `data` in place and writes the 16 bytes of the tag.
void cchachapoly_seal(const uint8_t key[32], uint64_t counter, const uint8_t *associated, size_t associated_count,
                      uint8_t *data, size_t count, uint8_t tag[16]);

/// Checks the tag that follows the `count` bytes at `source` and decrypts them to `target`, which may be `source`.
/// Answers 1, or 0 and writes nothing when the tag does not fit. Takes the same time for every wrong tag.
int cchachapoly_open(const uint8_t key[32], uint64_t counter, const uint8_t *associated, size_t associated_count,
                     const uint8_t *source, size_t count, uint8_t *target);

#endif
