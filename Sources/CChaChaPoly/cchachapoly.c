#include "include/cchachapoly.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "written for little-endian machines"
#endif

typedef uint32_t row __attribute__((vector_size(16)));

/// A block of ChaCha20's state as its four rows.
typedef struct {
    row a, b, c, d;
} rows;

static inline row rotate(row x, int count) { return (x << count) | (x >> (32 - count)); }

static inline void half_round(rows *s) {
    s->a += s->b;
    s->d = rotate(s->d ^ s->a, 16);
    s->c += s->d;
    s->b = rotate(s->b ^ s->c, 12);
    s->a += s->b;
    s->d = rotate(s->d ^ s->a, 8);
    s->c += s->d;
    s->b = rotate(s->b ^ s->c, 7);
}

static inline void to_diagonals(rows *s) {
    s->b = __builtin_shufflevector(s->b, s->b, 1, 2, 3, 0);
    s->c = __builtin_shufflevector(s->c, s->c, 2, 3, 0, 1);
    s->d = __builtin_shufflevector(s->d, s->d, 3, 0, 1, 2);
}

static inline void to_columns(rows *s) {
    s->b = __builtin_shufflevector(s->b, s->b, 3, 0, 1, 2);
    s->c = __builtin_shufflevector(s->c, s->c, 2, 3, 0, 1);
    s->d = __builtin_shufflevector(s->d, s->d, 1, 2, 3, 0);
}

static inline rows start(const uint8_t key[32], uint64_t counter, uint32_t block) {
    rows s;
    s.a = (row){0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(&s.b, key, 16);
    memcpy(&s.c, key + 16, 16);
    s.d = (row){block, 0, (uint32_t)counter, (uint32_t)(counter >> 32)};
    return s;
}

/// Two consecutive blocks of key stream, worked side by side.
static inline void two_blocks(const uint8_t key[32], uint64_t counter, uint32_t block, uint8_t out[128]) {
    const rows first = start(key, counter, block), second = start(key, counter, block + 1);
    rows x = first, y = second;
    for (int i = 0; i < 10; i++) {
        half_round(&x);
        half_round(&y);
        to_diagonals(&x);
        to_diagonals(&y);
        half_round(&x);
        half_round(&y);
        to_columns(&x);
        to_columns(&y);
    }
    x = (rows){x.a + first.a, x.b + first.b, x.c + first.c, x.d + first.d};
    y = (rows){y.a + second.a, y.b + second.b, y.c + second.c, y.d + second.d};
    memcpy(out, &x, 64);
    memcpy(out + 64, &y, 64);
}

/// Poly1305 with limbs of 44, 44 and 42 bits.
typedef struct {
    uint64_t r0, r1, r2, s1, s2;
    uint64_t h0, h1, h2;
    uint64_t pad0, pad1;
} poly;

#define MASK44 0xfffffffffffULL
#define MASK42 0x3ffffffffffULL

static inline uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline void poly_start(poly *p, const uint8_t key[32]) {
    uint64_t t0 = load64(key), t1 = load64(key + 8);
    p->r0 = t0 & 0xffc0fffffffULL;
    p->r1 = ((t0 >> 44) | (t1 << 20)) & 0xfffffc0ffffULL;
    p->r2 = (t1 >> 24) & 0x00ffffffc0fULL;
    p->s1 = p->r1 * 20;
    p->s2 = p->r2 * 20;
    p->h0 = p->h1 = p->h2 = 0;
    p->pad0 = load64(key + 16);
    p->pad1 = load64(key + 24);
}

static inline void poly_block(poly *p, uint64_t t0, uint64_t t1) {
    uint64_t h0 = p->h0 + (t0 & MASK44);
    uint64_t h1 = p->h1 + (((t0 >> 44) | (t1 << 20)) & MASK44);
    uint64_t h2 = p->h2 + ((t1 >> 24) | (1ULL << 40));
    unsigned __int128 d0 = (unsigned __int128)h0 * p->r0 + (unsigned __int128)h1 * p->s2 + (unsigned __int128)h2 * p->s1;
    unsigned __int128 d1 = (unsigned __int128)h0 * p->r1 + (unsigned __int128)h1 * p->r0 + (unsigned __int128)h2 * p->s2;
    unsigned __int128 d2 = (unsigned __int128)h0 * p->r2 + (unsigned __int128)h1 * p->r1 + (unsigned __int128)h2 * p->r0;
    uint64_t carry = (uint64_t)(d0 >> 44);
    h0 = (uint64_t)d0 & MASK44;
    d1 += carry;
    carry = (uint64_t)(d1 >> 44);
    h1 = (uint64_t)d1 & MASK44;
    d2 += carry;
    carry = (uint64_t)(d2 >> 42);
    h2 = (uint64_t)d2 & MASK42;
    h0 += carry * 5;
    h1 += h0 >> 44;
    p->h0 = h0 & MASK44;
    p->h1 = h1;
    p->h2 = h2;
}

/// Bytes padded with zeros to a multiple of 16.
static inline void poly_padded(poly *p, const uint8_t *bytes, size_t count) {
    for (; count >= 16; bytes += 16, count -= 16) poly_block(p, load64(bytes), load64(bytes + 8));
    if (count > 0) {
        uint8_t last[16] = {0};
        memcpy(last, bytes, count);
        poly_block(p, load64(last), load64(last + 8));
    }
}

static inline void poly_finish(poly *p, uint8_t tag[16]) {
    uint64_t h0 = p->h0, h1 = p->h1, h2 = p->h2, carry;
    for (int i = 0; i < 2; i++) {
        carry = h1 >> 44;
        h1 &= MASK44;
        h2 += carry;
        carry = h2 >> 42;
        h2 &= MASK42;
        h0 += carry * 5;
        carry = h0 >> 44;
        h0 &= MASK44;
        h1 += carry;
    }
    // h - p, taken when it is not negative; no branch depends on the value.
    uint64_t g0 = h0 + 5;
    carry = g0 >> 44;
    g0 &= MASK44;
    uint64_t g1 = h1 + carry;
    carry = g1 >> 44;
    g1 &= MASK44;
    uint64_t g2 = h2 + carry - (1ULL << 42);
    uint64_t keep = (g2 >> 63) - 1;
    h0 = (h0 & ~keep) | (g0 & keep);
    h1 = (h1 & ~keep) | (g1 & keep);
    h2 = (h2 & ~keep) | (g2 & keep);
    uint64_t low = h0 | (h1 << 44), high = (h1 >> 20) | (h2 << 24);
    uint64_t sum = low + p->pad0;
    high += p->pad1 + (sum < low);
    memcpy(tag, &sum, 8);
    memcpy(tag + 8, &high, 8);
}

static inline void poly_tag(const uint8_t key[32], const uint8_t *associated, size_t associated_count,
                            const uint8_t *data, size_t count, uint8_t tag[16]) {
    poly p;
    poly_start(&p, key);
    poly_padded(&p, associated, associated_count);
    poly_padded(&p, data, count);
    poly_block(&p, associated_count, count);
    poly_finish(&p, tag);
}

/// Adds the key stream from block 1 on; `stream` holds blocks 0 and 1.
static inline void crypt(const uint8_t key[32], uint64_t counter, uint8_t stream[128], const uint8_t *source,
                         uint8_t *target, size_t count) {
    size_t used = 64;
    uint32_t block = 2;
    for (size_t i = 0; i < count;) {
        if (used == 128) {
            two_blocks(key, counter, block, stream);
            block += 2;
            used = 0;
        }
        size_t n = count - i < 128 - used ? count - i : 128 - used;
        for (size_t k = 0; k < n; k++) target[i + k] = source[i + k] ^ stream[used + k];
        i += n;
        used += n;
    }
}

void cchachapoly_seal(const uint8_t key[32], uint64_t counter, const uint8_t *associated, size_t associated_count,
                      uint8_t *data, size_t count, uint8_t tag[16]) {
    uint8_t stream[128], poly_key[32];
    two_blocks(key, counter, 0, stream);
    memcpy(poly_key, stream, 32);
    crypt(key, counter, stream, data, data, count);
    poly_tag(poly_key, associated, associated_count, data, count, tag);
}

int cchachapoly_open(const uint8_t key[32], uint64_t counter, const uint8_t *associated, size_t associated_count,
                     const uint8_t *source, size_t count, uint8_t *target) {
    uint8_t stream[128], tag[16];
    two_blocks(key, counter, 0, stream);
    poly_tag(stream, associated, associated_count, source, count, tag);
    uint64_t difference = (load64(tag) ^ load64(source + count)) | (load64(tag + 8) ^ load64(source + count + 8));
    if (difference != 0) return 0;
    crypt(key, counter, stream, source, target, count);
    return 1;
}
