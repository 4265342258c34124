// SHA-256 with the x86 SHA extensions.
//
// The instructions keep the working variables as two vectors, ABEF and CDGH, and do two rounds each. One
// stream is bound by the latency of sha256rnds2 (4 cycles on Zen), two interleaved ones by its throughput (2
// cycles), so the forms that have independent messages (scan, merkle nodes) always run two.
//
// The instructions are encoded as legacy SSE. Entered with dirty upper halves of the ymm registers, they wait
// on them (measured: 29 -> 19 MH/s), hence vzeroupper before long loops.
#include "kernels.h"

#if CSHA256_X86
#include <immintrin.h>
#include <string.h>

#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))
#define ADD _mm_add_epi32
#define K4(i) _mm_load_si128((const __m128i *)(csha256_K + (i)))

// Four rounds of one stream; `kw` holds the four sums of K and W.
#define ROUNDS4(abef, cdgh, kw)                                                  \
    do {                                                                         \
        __m128i sums = (kw);                                                     \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sums);                          \
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sums, 0x0e)); \
    } while (0)

// The same four rounds of two streams, instruction by instruction in turn.
#define ROUNDS4X2(kwx, kwy)                     \
    do {                                        \
        __m128i sx = (kwx), sy = (kwy);         \
        x1 = _mm_sha256rnds2_epu32(x1, x0, sx); \
        y1 = _mm_sha256rnds2_epu32(y1, y0, sy); \
        sx = _mm_shuffle_epi32(sx, 0x0e);       \
        sy = _mm_shuffle_epi32(sy, 0x0e);       \
        x0 = _mm_sha256rnds2_epu32(x0, x1, sx); \
        y0 = _mm_sha256rnds2_epu32(y0, y1, sy); \
    } while (0)

// Replaces the four oldest schedule words `a` by the next four.
#define SCHEDULE(a, b, c, d) \
    a = _mm_sha256msg2_epu32(ADD(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4)), d)
#define SCHEDULEX2(a, b, c, d)            \
    SCHEDULE(xm##a, xm##b, xm##c, xm##d); \
    SCHEDULE(ym##a, ym##b, ym##c, ym##d)
#define QUADX2(i, a, b, c, d) \
    SCHEDULEX2(a, b, c, d);   \
    ROUNDS4X2(ADD(xm##a, K4(i)), ADD(ym##a, K4(i)))

// Rounds 16...55 of two streams whose first sixteen words are in xm0...xm3 and ym0...ym3.
#define ROUNDS_16_TO_55     \
    QUADX2(16, 0, 1, 2, 3); \
    QUADX2(20, 1, 2, 3, 0); \
    QUADX2(24, 2, 3, 0, 1); \
    QUADX2(28, 3, 0, 1, 2); \
    QUADX2(32, 0, 1, 2, 3); \
    QUADX2(36, 1, 2, 3, 0); \
    QUADX2(40, 2, 3, 0, 1); \
    QUADX2(44, 3, 0, 1, 2); \
    QUADX2(48, 0, 1, 2, 3); \
    QUADX2(52, 1, 2, 3, 0)

// a...h in memory order to the two vectors of the instructions, and back.
SHA_NI static inline void load_state(const uint32_t state[8], __m128i *abef, __m128i *cdgh) {
    __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
    __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
    *abef = _mm_alignr_epi8(badc, hgfe, 8);
    *cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
}

SHA_NI static inline void split_state(__m128i abef, __m128i cdgh, __m128i *abcd, __m128i *efgh) {
    __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    *abcd = _mm_blend_epi16(feba, dchg, 0xf0);
    *efgh = _mm_alignr_epi8(dchg, feba, 8);
}

SHA_NI static inline __m128i swap_bytes(__m128i words) {
    return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
}

SHA_NI static inline __m128i load_words(const uint8_t *bytes) {
    return swap_bytes(_mm_loadu_si128((const __m128i *)bytes));
}

SHA_NI void csha256_compress_sha_ni(uint32_t state[8], const uint8_t *blocks, size_t count) {
    __m128i abef, cdgh, abcd, efgh;
    // One block costs little more than clearing the registers would, and compiled AVX code clears them
    // itself.
    load_state(state, &abef, &cdgh);
    for (; count > 0; count--, blocks += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i m0 = load_words(blocks), m1 = load_words(blocks + 16);
        __m128i m2 = load_words(blocks + 32), m3 = load_words(blocks + 48);
        ROUNDS4(abef, cdgh, ADD(m0, K4(0)));
        ROUNDS4(abef, cdgh, ADD(m1, K4(4)));
        ROUNDS4(abef, cdgh, ADD(m2, K4(8)));
        ROUNDS4(abef, cdgh, ADD(m3, K4(12)));
        for (int i = 16; i < 64; i += 16) {
            SCHEDULE(m0, m1, m2, m3);
            ROUNDS4(abef, cdgh, ADD(m0, K4(i)));
            SCHEDULE(m1, m2, m3, m0);
            ROUNDS4(abef, cdgh, ADD(m1, K4(i + 4)));
            SCHEDULE(m2, m3, m0, m1);
            ROUNDS4(abef, cdgh, ADD(m2, K4(i + 8)));
            SCHEDULE(m3, m0, m1, m2);
            ROUNDS4(abef, cdgh, ADD(m3, K4(i + 12)));
        }
        abef = ADD(abef, abef_before);
        cdgh = ADD(cdgh, cdgh_before);
    }
    split_state(abef, cdgh, &abcd, &efgh);
    _mm_storeu_si128((__m128i *)state, abcd);
    _mm_storeu_si128((__m128i *)(state + 4), efgh);
}

// Compiled AVX code leaves the registers clean; hand-written code of other libraries may not.
static inline void clean_registers(void) {
    if (csha256_has_avx) __asm__ volatile("vzeroupper");
}

// The digest of two streams, hashed again: rounds 0...55 of the second hash of both. Leaves the last eight
// rounds, because a scan needs only some of them.
#define SECOND_HASH_TO_55                            \
    do {                                             \
        split_state(x0, x1, &xm0, &xm1);             \
        split_state(y0, y1, &ym0, &ym1);             \
        xm2 = ym2 = end_of_digest;                   \
        xm3 = ym3 = length_256;                      \
        x0 = y0 = iv_abef;                           \
        x1 = y1 = iv_cdgh;                           \
        ROUNDS4X2(ADD(xm0, K4(0)), ADD(ym0, K4(0))); \
        ROUNDS4X2(ADD(xm1, K4(4)), ADD(ym1, K4(4))); \
        ROUNDS4X2(k8_of_digest, k8_of_digest);       \
        ROUNDS4X2(k12_of_digest, k12_of_digest);     \
        ROUNDS_16_TO_55;                             \
    } while (0)

#define DIGEST_CONSTANTS                                                   \
    __m128i iv_abef, iv_cdgh;                                              \
    load_state(csha256_IV, &iv_abef, &iv_cdgh);                            \
    const __m128i end_of_digest = _mm_set_epi32(0, 0, 0, (int)0x80000000); \
    const __m128i length_256 = _mm_set_epi32(256, 0, 0, 0);                \
    const __m128i k8_of_digest = ADD(end_of_digest, K4(8));                \
    const __m128i k12_of_digest = ADD(length_256, K4(12))

SHA_NI static inline void store_digest(uint8_t *out, __m128i abef, __m128i cdgh) {
    __m128i abcd, efgh;
    split_state(abef, cdgh, &abcd, &efgh);
    _mm_storeu_si128((__m128i *)out, swap_bytes(abcd));
    _mm_storeu_si128((__m128i *)(out + 16), swap_bytes(efgh));
}

// Two nodes of a merkle tree. All input is read before the first output is written.
SHA_NI static void double64_pair(uint8_t *out_x, uint8_t *out_y, const uint8_t *in_x, const uint8_t *in_y) {
    DIGEST_CONSTANTS;
    __m128i xm0 = load_words(in_x), xm1 = load_words(in_x + 16);
    __m128i xm2 = load_words(in_x + 32), xm3 = load_words(in_x + 48);
    __m128i ym0 = load_words(in_y), ym1 = load_words(in_y + 16);
    __m128i ym2 = load_words(in_y + 32), ym3 = load_words(in_y + 48);
    __m128i x0 = iv_abef, x1 = iv_cdgh, y0 = iv_abef, y1 = iv_cdgh;
    ROUNDS4X2(ADD(xm0, K4(0)), ADD(ym0, K4(0)));
    ROUNDS4X2(ADD(xm1, K4(4)), ADD(ym1, K4(4)));
    ROUNDS4X2(ADD(xm2, K4(8)), ADD(ym2, K4(8)));
    ROUNDS4X2(ADD(xm3, K4(12)), ADD(ym3, K4(12)));
    ROUNDS_16_TO_55;
    QUADX2(56, 2, 3, 0, 1);
    QUADX2(60, 3, 0, 1, 2);
    // The second block of a 64-byte message is all padding: its schedule is the same for every node.
    __m128i x0_first = x0 = ADD(x0, iv_abef), x1_first = x1 = ADD(x1, iv_cdgh);
    __m128i y0_first = y0 = ADD(y0, iv_abef), y1_first = y1 = ADD(y1, iv_cdgh);
    for (int i = 0; i < 64; i += 4) {
        __m128i sums = _mm_load_si128((const __m128i *)(csha256_KW_padding_of_64 + i));
        ROUNDS4X2(sums, sums);
    }
    x0 = ADD(x0, x0_first), x1 = ADD(x1, x1_first), y0 = ADD(y0, y0_first), y1 = ADD(y1, y1_first);
    SECOND_HASH_TO_55;
    QUADX2(56, 2, 3, 0, 1);
    QUADX2(60, 3, 0, 1, 2);
    store_digest(out_x, ADD(x0, iv_abef), ADD(x1, iv_cdgh));
    store_digest(out_y, ADD(y0, iv_abef), ADD(y1, iv_cdgh));
}

SHA_NI void csha256_double64_sha_ni(uint8_t *out, const uint8_t *in, size_t count) {
    for (; count >= 2; count -= 2, in += 128, out += 64) double64_pair(out, out + 32, in, in + 64);
    if (count == 1) double64_pair(out, out, in, in);
}

SHA_NI uint64_t csha256_scan_sha_ni(const csha256_job *job, uint32_t start, uint32_t stride, uint64_t count,
                                    uint32_t top, uint32_t *candidates, size_t capacity, size_t *found) {
    clean_registers();
    DIGEST_CONSTANTS;
    __m128i mid_abef, mid_cdgh;
    load_state(job->midstate, &mid_abef, &mid_cdgh);
    // Rounds 0 and 1 of the second block do not depend on the nonce, nor do the sums of its rounds 4...15.
    const __m128i w4 = _mm_set_epi32(0, 0, 0, (int)0x80000000);
    const __m128i w12 = _mm_set_epi32(640, 0, 0, 0);
    const __m128i k4 = ADD(w4, K4(4)), k8 = K4(8), k12 = ADD(w12, K4(12));
    const __m128i w0 = _mm_set_epi32(0, (int)job->tail[2], (int)job->tail[1], (int)job->tail[0]);
    const __m128i after2_cdgh = _mm_sha256rnds2_epu32(mid_cdgh, mid_abef, ADD(w0, K4(0)));

    size_t hits = 0;
    uint64_t done = 0;
    while (done < count && capacity - hits >= CSHA256_SCAN_CAPACITY_MIN) {
        const uint32_t nonce = start + (uint32_t)done * stride, second = nonce + stride;
        __m128i xm0 = _mm_insert_epi32(w0, (int)__builtin_bswap32(nonce), 3), xm1 = w4, xm3 = w12;
        __m128i ym0 = _mm_insert_epi32(w0, (int)__builtin_bswap32(second), 3), ym1 = w4, ym3 = w12;
        __m128i xm2 = _mm_setzero_si128(), ym2 = xm2;
        __m128i x0 = mid_abef, x1 = after2_cdgh, y0 = mid_abef, y1 = after2_cdgh;
        x0 = _mm_sha256rnds2_epu32(x0, x1, _mm_shuffle_epi32(ADD(xm0, K4(0)), 0x0e));
        y0 = _mm_sha256rnds2_epu32(y0, y1, _mm_shuffle_epi32(ADD(ym0, K4(0)), 0x0e));
        ROUNDS4X2(k4, k4);
        ROUNDS4X2(k8, k8);
        ROUNDS4X2(k12, k12);
        ROUNDS_16_TO_55;
        QUADX2(56, 2, 3, 0, 1);
        QUADX2(60, 3, 0, 1, 2);
        x0 = ADD(x0, mid_abef), x1 = ADD(x1, mid_cdgh), y0 = ADD(y0, mid_abef), y1 = ADD(y1, mid_cdgh);
        SECOND_HASH_TO_55;
        QUADX2(56, 2, 3, 0, 1);
        // The last digest word is h after round 63, which is e after round 60; two rounds (60, 61) leave it
        // in F.
        SCHEDULEX2(3, 0, 1, 2);
        x1 = _mm_sha256rnds2_epu32(x1, x0, ADD(xm3, K4(60)));
        y1 = _mm_sha256rnds2_epu32(y1, y0, ADD(ym3, K4(60)));
        uint32_t last_x = (uint32_t)_mm_cvtsi128_si32(x1) + csha256_IV[7];
        uint32_t last_y = (uint32_t)_mm_cvtsi128_si32(y1) + csha256_IV[7];
        if (__builtin_expect(__builtin_bswap32(last_x) <= top, 0)) candidates[hits++] = nonce;
        bool counts = count - done > 1;
        if (__builtin_expect(__builtin_bswap32(last_y) <= top && counts, 0)) candidates[hits++] = second;
        done += 2;
    }
    *found = hits;
    return done < count ? done : count;
}
#endif
