// SHA-256 in several forms behind one run-time choice of kernel.
//
// Two parts of the work are chosen separately, because the best kernel differs: `compress` (one message after
// the other: SHA extensions or portable) and `scan` (many nonces of one 80-byte header: vectors may win).
// Everything here is re-entrant; nothing allocates, and no function keeps a pointer that it was given.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- messages
// -------------------------------------------------------------------------------------------------

// The state of a message that is hashed piece by piece. A plain value: copy it to keep a prefix.
typedef struct csha256_stream {
    uint32_t state[8];
    uint64_t length;     // bytes taken so far
    uint8_t buffer[64];  // the last length % 64 bytes
} csha256_stream;

void csha256_stream_init(csha256_stream *stream);
// Starts behind `length` bytes (a multiple of 64) whose state is already known.
void csha256_stream_resume(csha256_stream *stream, const uint32_t state[8], uint64_t length);
void csha256_stream_update(csha256_stream *stream, const void *bytes, size_t count);
// Leaves `stream` as it was, so that a prefix can be finished more than once.
void csha256_stream_finish(const csha256_stream *stream, uint8_t out[32]);

void csha256_hash(const void *bytes, size_t count, uint8_t out[32]);
// SHA-256 of the SHA-256, as Bitcoin hashes transactions and blocks.
void csha256_double(const void *bytes, size_t count, uint8_t out[32]);
// SHA-256 of the SHA-256 of what the stream took.
void csha256_stream_finish_double(const csha256_stream *stream, uint8_t out[32]);
// Double SHA-256 of `count` messages of 64 bytes each (merkle nodes). `out` may be `in`.
void csha256_double64(uint8_t *out, const uint8_t *in, size_t count);
// Runs whole 64-byte blocks through the compression function.
void csha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

// ---- headers
// --------------------------------------------------------------------------------------------------

// What 76 bytes of a block header allow to be computed before a nonce is known.
typedef struct csha256_job {
    uint32_t midstate[8];  // after the first 64 bytes
    uint32_t tail[3];      // header bytes 64..<76 as big-endian words
    uint32_t w16, w17;     // schedule words of the second block that do not depend on the nonce
    uint32_t w18_part;     // w18 without sigma0(nonce)
    uint32_t w19_part;     // w19 without nonce
    uint32_t after3[8];    // the working variables a...h after rounds 0, 1 and 2 of the second block
} csha256_job;

void csha256_job_init(csha256_job *job, const uint8_t header[76]);
// From the state after the first 64 bytes and the twelve bytes behind them: all that midstate chips are told.
void csha256_job_resume(csha256_job *job, const uint32_t midstate[8], const uint8_t tail[12]);
// Double SHA-256 of the header with this nonce (the number, not its bytes).
void csha256_job_hash(const csha256_job *job, uint32_t nonce, uint8_t out[32]);

// A scan leaves after the step in which fewer than this many free places are left for candidates, so this is
// also the least capacity; a caller that offers exactly this many gets control back at the first candidates.
#define CSHA256_SCAN_CAPACITY_MIN 16

// Looks for nonces in start..<start+count (modulo 2^32) whose hash, read as a little-endian number, has a top
// 32-bit word <= `top`. Writes them in ascending order to `candidates` and their number to `found`. Returns
// how many nonces were looked at: `count`, or fewer when the room for candidates ran out.
uint64_t csha256_scan(const csha256_job *job, uint32_t start, uint64_t count, uint32_t top,
                      uint32_t *candidates, size_t capacity, size_t *found);
// The same for the nonces start, start + stride, ... (modulo 2^32): what one chip's cores try at the same time.
uint64_t csha256_scan_strided(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count,
                              uint32_t top, uint32_t *candidates, size_t capacity, size_t *found);

// ---- kernels
// --------------------------------------------------------------------------------------------------

typedef enum csha256_kernel {
    CSHA256_PORTABLE = 0,
    CSHA256_SHA_NI = 1,
    CSHA256_AVX2 = 2,
    CSHA256_AVX512 = 3,
    CSHA256_ARMV8 = 4,
} csha256_kernel;
#define CSHA256_KERNEL_COUNT 5

const char *csha256_kernel_name(csha256_kernel kernel);
// Whether this machine (and operating system) can run the kernel.
bool csha256_kernel_supported(csha256_kernel kernel);
// Whether the kernel has its own compression function; the others only scan.
bool csha256_kernel_compresses(csha256_kernel kernel);
// The kernels that the plain functions use.
csha256_kernel csha256_compress_kernel(void);
csha256_kernel csha256_scan_kernel(void);

// As `csha256_compress`, `csha256_double64` and `csha256_scan_strided`, with a kernel of the caller's choice, for
// tests and benchmarks. The kernel must be supported.
void csha256_compress_with(csha256_kernel kernel, uint32_t state[8], const uint8_t *blocks, size_t count);
void csha256_double64_with(csha256_kernel kernel, uint8_t *out, const uint8_t *in, size_t count);
uint64_t csha256_scan_with(csha256_kernel kernel, const csha256_job *job, uint32_t start, uint32_t stride,
                           uint64_t count, uint32_t top, uint32_t *candidates, size_t capacity, size_t *found);

#ifdef __cplusplus
}
#endif
