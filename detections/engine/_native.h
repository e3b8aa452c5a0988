/* What the files of the extension share: the matcher's memory, and what each does for the others.
 *
 * The same answers as hinomi.detections.engine.reference, faster; hinomi.detections.engine.native explains and feeds it.
 * An event's values lie one behind the other in `arena`, case-folded UTF-8, each between two bytes 0xFF, which UTF-8 never
 * holds: start, end and equality of a value are then part of a literal. The arena ends with PAD zero bytes, so that four
 * bytes can be read anywhere. Everything that is stored grows with the rules, or with the longest event seen.
 */
#ifndef HINOMI_NATIVE_H
#define HINOMI_NATIVE_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define FRAME 0xFF
#define PAD 16
#define WORDS 13                /* bits of the table that says which four bytes begin nothing */
#define SLOTS 12                /* bits of the table of four bytes that do */
#define CACHE 1024              /* names of fields by address */
#define LONG 4096               /* an arena so long gets a table of its own places */
#define PLACES 14               /* bits of the table of the places of three bytes */
#define DEEPEST 200
#define BUCKETS 10000
#define MEMO 14                 /* bits of the table of what was found for the same values; two places each */
#define MEMO_BYTES (16 << 20)   /* of values kept with it */
#define MEMO_LONGEST 32768
#define LOOKS 1024              /* so many looks tell whether the memo is of use; if it was not, it rests for as many */

enum { AND, OR, NOT, ATOM };
enum { CONTAINS, WORD, EMPTY, NONE, SOME, FOREIGN };

typedef struct { int field; uint32_t start, len; int next, foreign; } Span;    /* foreign: not ASCII */
typedef struct { uint32_t text, len, at; int field0, fields, rule0, rules; uint64_t seen; int next; } Literal;
typedef struct { int op; uint32_t text, len; int field0, fields; PyObject *node, *call; uint64_t seen; char value; } Atom;
typedef struct { int op, first, count; } Node;          /* ATOM: `first` is the atom; else children are links[first..] */
typedef struct { uint32_t gram; int head; } Slot;
typedef struct { void *items; size_t count, room; } Vec;
typedef struct { uint64_t hash; uint32_t len, more, used; PyObject *bucket, *found; uint8_t *key; } Memory;    /* `more`: other values, behind */

typedef struct {
    PyObject_HEAD
    PyObject *fields, *text_of, *tree_of, *foreign, *view_of, *atom_ids, *unsearched, *virtuals, *keys, *route, *buckets;
    Vec bytes, ids, rule_ids, spans, literals, atoms, nodes, links, arena;
    int *roots; int rules, nfields; size_t words;
    uint64_t *marks;
    int *heads, *tails; uint64_t *head_seen; int heads_room;    /* of each field: its spans, if `head_seen` is this event */
    uint64_t *bits, *any_bits; Slot *slots; size_t nslots; uint8_t *pairs, *threes; int pair_head;
    PyObject *cache_key[CACHE]; int cache_id[CACHE];
    Vec next; int *first, *often; int indexed;                  /* places of every three bytes, of an event that is long */
    uint64_t epoch; int anywhere, any_literal, depth, busy;
    Memory *memo; Vec key, rest_key; size_t memo_bytes; uint32_t looks, found, rest, clock; int remembers, plain; uint64_t *wide;
    PyObject *event, *view;
} Matcher;

#define AT(vec, type, i) (((type *)(vec).items)[i])

/* Names that several files use are seen in this library alone. */
#pragma GCC visibility push(hidden)

/* _native_search.c */
int grow(Vec *v, size_t size, size_t more);                                 /* room for so many more; -1 is an error */
int field_id(Matcher *m, PyObject *name, int make);                         /* -1: none yet, -2: error */
int add_fields(Matcher *m, PyObject *names, int *count);
size_t add_text(Matcher *m, PyObject *text, int start, int end, uint32_t *len);
int frames(const char *how, int *start, int *end);
PyObject *matcher_literal(Matcher *m, PyObject *args);
PyObject *matcher_ready(Matcher *m, PyObject *ignored);
int find_field(Matcher *m, PyObject *name);
int begin_arena(Matcher *m);
int add_any(Matcher *m, int field, PyObject *value);
int lay_out(Matcher *m, PyObject *event);
void search(Matcher *m, const uint64_t *bits);

/* _native_conditions.c */
int root_of(Matcher *m, int rule);
PyObject *found_rules(Matcher *m, const uint64_t *members, const uint64_t *always);

/* _native_memory.c */
PyObject *bucket_of(Matcher *m, PyObject *event);
int awake(Matcher *m);
int make_key(Matcher *m, PyObject *event, PyObject *read, Vec *others);
uint64_t hashed(const uint8_t *p, size_t n);
Memory *remembered(Matcher *m, PyObject *bucket, uint64_t hash);
int remember(Matcher *m, PyObject *event, PyObject *bucket, uint64_t hash, PyObject *found);
int quiet(Matcher *m, PyObject *event, PyObject *bucket, const Memory *e);
void forget_all(Matcher *m);

#pragma GCC visibility pop

static inline uint32_t four(const uint8_t *p) { uint32_t x; memcpy(&x, p, 4); return x; }
static inline uint32_t mixed(uint32_t gram) { return gram * 0x9E3779B1u; }
static inline int has_values(Matcher *m, int field) { return field < m->heads_room && m->head_seen[field] == m->epoch; }
static inline size_t place_of(PyObject *name) { return ((uintptr_t)name >> 4) & (CACHE - 1); }

/* The id of a field by its name; -1: of no interest, -2: error, -3: not searched. */
static inline int known_field(Matcher *m, PyObject *name) {
    size_t i = place_of(name);
    return m->cache_key[i] == name ? m->cache_id[i] : find_field(m, name);
}

static inline int has_field(PyObject *bits, int field) {
    return field >= 0 && field >> 3 < PyBytes_GET_SIZE(bits) && (uint8_t)PyBytes_AS_STRING(bits)[field >> 3] >> (field & 7) & 1;
}

#endif
