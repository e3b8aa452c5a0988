/* One event against many rules: candidates by their literals, then each rule's condition, over case-folded values.
 *
 * The same answers as hinomi.detections.engine.reference, faster; hinomi.detections.engine.native explains and feeds it.
 * An event's values lie one behind the other in `arena`, case-folded UTF-8, each between two bytes 0xFF, which UTF-8 never
 * holds: start, end and equality of a value are then part of a literal. The arena ends with PAD zero bytes, so that four
 * bytes can be read anywhere. Everything that is stored grows with the rules, or with the longest event seen.
 */
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

static int grow(Vec *v, size_t size, size_t more) {
    if (v->count + more <= v->room) return 0;
    size_t room = v->room ? v->room : 64;
    while (room < v->count + more) { if (room > SIZE_MAX / 2 / size) { PyErr_NoMemory(); return -1; } room *= 2; }
    void *items = PyMem_Realloc(v->items, room * size);
    if (!items) { PyErr_NoMemory(); return -1; }
    v->items = items; v->room = room;
    return 0;
}
#define AT(vec, type, i) (((type *)(vec).items)[i])

static uint32_t four(const uint8_t *p) { uint32_t x; memcpy(&x, p, 4); return x; }
static uint32_t mixed(uint32_t gram) { return gram * 0x9E3779B1u; }

/* ---- what is looked for ------------------------------------------------------------------------------------------- */

static int field_id(Matcher *m, PyObject *name, int make) {
    PyObject *found = PyDict_GetItemWithError(m->fields, name);
    if (found) return (int)PyLong_AsLong(found);
    if (PyErr_Occurred()) return -2;
    if (!make) return -1;
    PyObject *number = PyLong_FromLong(m->nfields);
    if (!number || PyDict_SetItem(m->fields, name, number)) { Py_XDECREF(number); return -2; }
    Py_DECREF(number);
    for (int i = 0; i < CACHE; i++) Py_CLEAR(m->cache_key[i]);      /* the name was none before */
    return m->nfields++;
}

/* Put the ids of a sequence of field names behind the others; -1 is an error. */
static int add_fields(Matcher *m, PyObject *names, int *count) {
    PyObject *fast = PySequence_Fast(names, "names of fields are a sequence");
    if (!fast) return -1;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    int first = (int)m->ids.count;
    if (grow(&m->ids, sizeof(int), n + 1)) { Py_DECREF(fast); return -1; }
    for (Py_ssize_t i = 0; i < n; i++) {
        int id = field_id(m, PySequence_Fast_GET_ITEM(fast, i), 1);
        if (id < 0) { Py_DECREF(fast); return -1; }
        AT(m->ids, int, m->ids.count++) = id;
    }
    Py_DECREF(fast);
    *count = (int)n;
    return first;
}

/* Keep a text between the frames its comparison asks for; (size_t)-1 is an error. */
static size_t add_text(Matcher *m, PyObject *text, int start, int end, uint32_t *len) {
    PyObject *encoded = PyUnicode_AsEncodedString(text, "utf-8", "surrogatepass");
    if (!encoded) return (size_t)-1;
    size_t n = PyBytes_GET_SIZE(encoded), at = m->bytes.count;
    if (n + 2 > INT32_MAX / 4 || at + n + 2 > INT32_MAX) { Py_DECREF(encoded); PyErr_SetString(PyExc_ValueError, "too much text"); return (size_t)-1; }
    if (grow(&m->bytes, 1, n + 2 + PAD)) { Py_DECREF(encoded); return (size_t)-1; }
    uint8_t *p = (uint8_t *)m->bytes.items + at;
    if (start) *p++ = FRAME;
    memcpy(p, PyBytes_AS_STRING(encoded), n);
    if (end) p[n] = FRAME;
    *len = (uint32_t)(n + (start ? 1 : 0) + (end ? 1 : 0));
    m->bytes.count = at + *len;
    Py_DECREF(encoded);
    return at;
}

static int frames(const char *how, int *start, int *end) {
    *start = !strcmp(how, "prefix") || !strcmp(how, "eq");
    *end = !strcmp(how, "suffix") || !strcmp(how, "eq");
    return *start || *end || !strcmp(how, "contains");
}

/* literal(fields, how, text, at, rules): `at` is where in the framed text the four bytes begin that it is found by. */
static PyObject *matcher_literal(Matcher *m, PyObject *args) {
    PyObject *names, *text, *rules; const char *how; Py_ssize_t where; Literal l = {0};
    int start, end;
    if (!PyArg_ParseTuple(args, "OsUnO", &names, &how, &text, &where, &rules)) return NULL;
    if (m->slots) { PyErr_SetString(PyExc_RuntimeError, "the tables are made"); return NULL; }
    if (!frames(how, &start, &end)) { PyErr_SetString(PyExc_ValueError, how); return NULL; }
    size_t at = add_text(m, text, start, end, &l.len);
    if (at == (size_t)-1) return NULL;
    if (l.len < 2 || where < 0 || (l.len >= 4 && where + 4 > l.len) || (l.len < 4 && where)) { PyErr_SetString(PyExc_ValueError, "found by what?"); return NULL; }
    l.text = (uint32_t)at; l.at = (uint32_t)where;
    if ((l.field0 = add_fields(m, names, &l.fields)) < 0) return NULL;
    if (!l.fields) m->anywhere = m->any_literal = 1;
    PyObject *fast = PySequence_Fast(rules, "numbers of rules are a sequence");
    if (!fast) return NULL;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(fast);
    l.rule0 = (int)m->rule_ids.count; l.rules = (int)n;
    if (grow(&m->rule_ids, sizeof(int), n + 1)) { Py_DECREF(fast); return NULL; }
    for (Py_ssize_t i = 0; i < n; i++) {
        long number = PyLong_AsLong(PySequence_Fast_GET_ITEM(fast, i));
        if (number < 0 || number >= m->rules) { Py_DECREF(fast); if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "no such rule"); return NULL; }
        AT(m->rule_ids, int, m->rule_ids.count++) = (int)number;
    }
    Py_DECREF(fast);
    l.next = -1;
    if (grow(&m->literals, sizeof(Literal), 1)) return NULL;
    AT(m->literals, Literal, m->literals.count++) = l;
    Py_RETURN_NONE;
}

static Slot *slot_of(Matcher *m, uint32_t gram) {
    size_t mask = m->nslots - 1, i = (mixed(gram) >> 7) & mask;
    while (m->slots[i].head >= 0 && m->slots[i].gram != gram) i = (i + 1) & mask;
    return m->slots + i;
}

/* Two bits of one word for each four bytes: few that begin nothing pass. */
static uint64_t two_bits(uint32_t hash) { return (uint64_t)1 << (hash & 63) | (uint64_t)1 << (hash >> 6 & 63); }
static void set_bits(uint64_t *bits, uint32_t hash) { bits[hash >> (32 - WORDS)] |= two_bits(hash); }
static int has_bits(const uint64_t *bits, uint32_t hash) { uint64_t two = two_bits(hash); return (bits[hash >> (32 - WORDS)] & two) == two; }
static int in_set(const uint8_t *set, uint32_t i) { return set[i >> 3 & 8191] >> (i & 7) & 1; }
static void put_in(uint8_t *set, uint32_t i) { set[i >> 3 & 8191] |= (uint8_t)(1 << (i & 7)); }

/* Literals of three bytes stand in the tables with every fourth byte's bit, and in a chain of their own gram, high byte 0
 * and low three bytes; those of two bytes (never ASCII) are found in a table of pairs. */
static PyObject *matcher_ready(Matcher *m, PyObject *Py_UNUSED(ignored)) {
    if (m->slots) Py_RETURN_NONE;
    m->nslots = (size_t)1 << SLOTS;
    while (m->nslots < m->literals.count * 2) m->nslots *= 2;
    m->bits = PyMem_Calloc((size_t)1 << WORDS, 8); m->any_bits = PyMem_Calloc((size_t)1 << WORDS, 8);
    m->pairs = PyMem_Calloc(8192, 1); m->threes = PyMem_Calloc(8192, 1); m->slots = PyMem_Malloc(m->nslots * sizeof(Slot));
    if (!m->bits || !m->any_bits || !m->pairs || !m->threes || !m->slots) return PyErr_NoMemory();
    for (size_t i = 0; i < m->nslots; i++) m->slots[i] = (Slot){0, -1};
    m->pair_head = -1;
    for (int i = 0; i < (int)m->literals.count; i++) {
        Literal *l = &AT(m->literals, Literal, i);
        const uint8_t *p = (uint8_t *)m->bytes.items + l->text + l->at;
        if (l->len == 2) {
            uint32_t pair = p[0] | (uint32_t)p[1] << 8;
            put_in(m->pairs, pair);
            l->next = m->pair_head; m->pair_head = i;
            continue;
        }
        uint32_t gram;
        if (l->len == 3) {
            gram = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
            put_in(m->threes, mixed(gram) >> 16);
            for (uint32_t last = 0; last < 256; last++) {
                set_bits(m->bits, mixed(gram | last << 24));
                if (!l->fields) set_bits(m->any_bits, mixed(gram | last << 24));
            }
        } else {
            gram = four(p);
            set_bits(m->bits, mixed(gram));
            if (!l->fields) set_bits(m->any_bits, mixed(gram));
        }
        Slot *slot = slot_of(m, gram);
        slot->gram = gram; l->next = slot->head; slot->head = i;
    }
    Py_RETURN_NONE;
}

/* ---- conditions --------------------------------------------------------------------------------------------------- */

static int new_node(Matcher *m, int op, int first, int count) {
    if (grow(&m->nodes, sizeof(Node), 1)) return -1;
    AT(m->nodes, Node, m->nodes.count) = (Node){op, first, count};
    return (int)m->nodes.count++;
}

static int is_foreign(Matcher *m, PyObject *names) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
        int found = PySet_Contains(m->unsearched, PyList_GET_ITEM(names, i));
        if (!found) found = PySet_Contains(m->virtuals, PyList_GET_ITEM(names, i));
        if (found) return found;
    }
    return 0;
}

/* Decide how an atom is asked here; FOREIGN is left to Python. -1 is an error. */
static int atom_kind(Matcher *m, PyObject *names, const char *kind, PyObject *operand, int *start, int *end) {
    Py_ssize_t text = PyUnicode_Check(operand) ? PyUnicode_GET_LENGTH(operand) : -1;
    *start = *end = 0;
    if (!PyList_GET_SIZE(names)) return text > 0 && !strcmp(kind, "word") ? WORD : FOREIGN;
    int foreign = is_foreign(m, names);
    if (foreign) return foreign < 0 ? -1 : FOREIGN;
    if (text > 0 && frames(kind, start, end)) return CONTAINS;
    if (text == 0 && !strcmp(kind, "eq")) return EMPTY;
    if (!strcmp(kind, "null")) return NONE;
    if (!strcmp(kind, "present")) return SOME;
    if (!strcmp(kind, "exists") && PyBool_Check(operand)) return operand == Py_True ? SOME : NONE;
    return FOREIGN;
}

static int new_atom(Matcher *m, PyObject *node) {
    PyObject *names = PyList_GET_ITEM(node, 1), *kind = PyList_GET_ITEM(node, 2), *operand = PyList_GET_ITEM(node, 3);
    if (!PyList_Check(names) || !PyUnicode_Check(kind)) { PyErr_SetString(PyExc_ValueError, "no atom"); return -1; }
    const char *word = PyUnicode_AsUTF8(kind);
    Atom a = {0}; int start, end;
    if (!word || (a.op = atom_kind(m, names, word, operand, &start, &end)) < 0) return -1;
    PyObject *key = a.op == FOREIGN ? NULL : Py_BuildValue("(NOO)", PyList_AsTuple(names), kind, operand);
    if (a.op != FOREIGN) {
        if (!key) return -1;
        PyObject *known = PyDict_GetItemWithError(m->atom_ids, key);
        if (known || PyErr_Occurred()) { Py_DECREF(key); return known ? (int)PyLong_AsLong(known) : -1; }
    }
    if (a.op == FOREIGN) {
        a.node = Py_NewRef(node);                       /* its predicate is made when it is first asked */
    } else {
        size_t at = a.op == CONTAINS || a.op == WORD ? add_text(m, operand, start, end, &a.len) : 0;
        if (at == (size_t)-1 || (a.field0 = add_fields(m, names, &a.fields)) < 0) { Py_DECREF(key); return -1; }
        a.text = (uint32_t)at;
        if (a.op == WORD) m->anywhere = 1;              /* every value counts from now on */
    }
    int id = (int)m->atoms.count;
    PyObject *number = key ? PyLong_FromLong(id) : NULL;
    int failed = (key && (!number || PyDict_SetItem(m->atom_ids, key, number))) || grow(&m->atoms, sizeof(Atom), 1);
    Py_XDECREF(key); Py_XDECREF(number);
    if (failed) { Py_XDECREF(a.node); return -1; }
    AT(m->atoms, Atom, m->atoms.count++) = a;
    return id;
}

static int compile(Matcher *m, PyObject *node) {
    if (!PyList_Check(node) || PyList_GET_SIZE(node) < 2 || !PyUnicode_Check(PyList_GET_ITEM(node, 0))) { PyErr_SetString(PyExc_ValueError, "no tree"); return -1; }
    const char *kind = PyUnicode_AsUTF8(PyList_GET_ITEM(node, 0));
    if (!kind) return -1;
    if (!strcmp(kind, "atom") && PyList_GET_SIZE(node) == 4) {
        int atom = new_atom(m, node);
        return atom < 0 ? -1 : new_node(m, ATOM, atom, 0);
    }
    int op = !strcmp(kind, "and") ? AND : !strcmp(kind, "or") ? OR : !strcmp(kind, "not") ? NOT : -1;
    PyObject *children = PyList_GET_ITEM(node, 1);
    if (op < 0 || !PyList_Check(children) || m->depth >= DEEPEST) { PyErr_SetString(PyExc_ValueError, "no tree, or too deep"); return -1; }
    Py_ssize_t n = op == NOT ? 1 : PyList_GET_SIZE(children);
    int *made = PyMem_Malloc(sizeof(int) * (n + 1));
    if (!made) { PyErr_NoMemory(); return -1; }
    m->depth++;
    for (Py_ssize_t i = 0; i < n; i++)
        if ((made[i] = compile(m, op == NOT ? children : PyList_GET_ITEM(children, i))) < 0) { m->depth--; PyMem_Free(made); return -1; }
    m->depth--;
    int first = (int)m->links.count;
    if (grow(&m->links, sizeof(int), n + 1)) { PyMem_Free(made); return -1; }
    memcpy((int *)m->links.items + first, made, n * sizeof(int));
    m->links.count += n;
    PyMem_Free(made);
    return new_node(m, op, first, (int)n);
}

static int root_of(Matcher *m, int rule) {
    if (m->roots[rule] >= 0) return m->roots[rule];
    PyObject *tree = PyObject_CallFunction(m->tree_of, "i", rule);
    if (!tree) return -1;
    m->depth = 0;
    int root = compile(m, tree);
    Py_DECREF(tree);
    if (root >= 0) m->roots[rule] = root;
    return root;
}

/* ---- one event ---------------------------------------------------------------------------------------------------- */

static void fold(uint8_t *to, const uint8_t *from, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (uint8_t)(from[i] + ((uint8_t)(from[i] - 'A') < 26) * 32);
}

/* Make room for a value of up to n bytes; NULL is an error. */
static uint8_t *begin_value(Matcher *m, size_t n) {
    if (m->arena.count + n + 2 > INT32_MAX / 2) { PyErr_SetString(PyExc_ValueError, "an event of over a gigabyte"); return NULL; }
    if (grow(&m->arena, 1, n + 1 + PAD) || grow(&m->spans, sizeof(Span), 1)) return NULL;
    return (uint8_t *)m->arena.items + m->arena.count;
}

/* A value of n bytes was written there. */
static void end_value(Matcher *m, int field, size_t n, int foreign) {
    ((uint8_t *)m->arena.items)[m->arena.count + n] = FRAME;
    Span s = {field, (uint32_t)m->arena.count, (uint32_t)n, -1, foreign};
    m->arena.count += n + 1;
    int me = (int)m->spans.count++;
    AT(m->spans, Span, me) = s;
    if (field < 0) return;
    if (m->head_seen[field] != m->epoch) { m->head_seen[field] = m->epoch; m->heads[field] = me; }
    else AT(m->spans, Span, m->tails[field]).next = me;
    m->tails[field] = me;
}

static int add_bytes(Matcher *m, int field, const char *text, size_t n, int ready) {
    uint8_t *p = begin_value(m, n);
    if (!p) return -1;
    if (ready) memcpy(p, text, n); else fold(p, (const uint8_t *)text, n);
    end_value(m, field, n, ready > 1);
    return 0;
}

/* A text of Latin-1, as str.casefold and UTF-8 make it: capitals of both halves, the micro sign, sharp s. */
static int add_latin(Matcher *m, int field, const uint8_t *text, size_t n) {
    uint8_t *p = begin_value(m, n * 2), *to = p;
    if (!p) return -1;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        if (c < 0x80) { *to++ = (uint8_t)(c + ((uint8_t)(c - 'A') < 26) * 32); continue; }
        if (c == 0xDF) { *to++ = 's'; *to++ = 's'; continue; }
        if (c == 0xB5) { *to++ = 0xCE; *to++ = 0xBC; continue; }
        if (c >= 0xC0 && c <= 0xDE && c != 0xD7) c += 32;
        *to++ = (uint8_t)(0xC0 | c >> 6);
        *to++ = (uint8_t)(0x80 | (c & 0x3F));
    }
    end_value(m, field, to - p, 1);
    return 0;
}

static int add_str(Matcher *m, int field, PyObject *value) {
    Py_ssize_t n;
    if (PyUnicode_IS_ASCII(value)) {
        const char *text = PyUnicode_AsUTF8AndSize(value, &n);
        return text ? add_bytes(m, field, text, n, 0) : -1;
    }
    if (PyUnicode_KIND(value) == PyUnicode_1BYTE_KIND) return add_latin(m, field, PyUnicode_1BYTE_DATA(value), PyUnicode_GET_LENGTH(value));
    PyObject *folded = PyObject_CallMethod(value, "casefold", NULL);
    PyObject *encoded = folded ? PyUnicode_AsEncodedString(folded, "utf-8", "surrogatepass") : NULL;
    Py_XDECREF(folded);
    int done = encoded ? add_bytes(m, field, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded), 2) : -1;
    Py_XDECREF(encoded);
    return done;
}

static int add_value(Matcher *m, int field, PyObject *value) {
    if (PyUnicode_CheckExact(value)) return add_str(m, field, value);
    if (value == Py_True) return add_bytes(m, field, "true", 4, 1);
    if (value == Py_False) return add_bytes(m, field, "false", 5, 1);
    PyObject *text = PyObject_CallOneArg(m->text_of, value);
    if (!text) return -1;
    int done = PyUnicode_Check(text) ? add_str(m, field, text) : (PyErr_SetString(PyExc_TypeError, "no text"), -1);
    Py_DECREF(text);
    return done;
}

static int add_number(Matcher *m, int field, PyObject *value) {
    int over; char digits[32];
    long long number = PyLong_AsLongLongAndOverflow(value, &over);
    if (over || (number == -1 && PyErr_Occurred())) return over ? add_value(m, field, value) : -1;
    int n = PyOS_snprintf(digits, sizeof digits, "%lld", number);
    return add_bytes(m, field, digits, n, 1);
}

static int add_any(Matcher *m, int field, PyObject *value) {
    return PyLong_CheckExact(value) ? add_number(m, field, value) : add_value(m, field, value);
}

static int known_field(Matcher *m, PyObject *name) {
    size_t i = ((uintptr_t)name >> 4) & (CACHE - 1);
    if (m->cache_key[i] == name) return m->cache_id[i];
    if (!PyUnicode_Check(name)) return -1;
    int skip = PySet_Contains(m->unsearched, name), id = skip < 0 ? -2 : skip ? -3 : field_id(m, name, 0);
    if (id != -2) { Py_INCREF(name); Py_XSETREF(m->cache_key[i], name); m->cache_id[i] = id; }
    return id;
}

static int has_field(PyObject *bits, int field) {
    return field >= 0 && field >> 3 < PyBytes_GET_SIZE(bits) && (uint8_t)PyBytes_AS_STRING(bits)[field >> 3] >> (field & 7) & 1;
}

static int begin_arena(Matcher *m) {
    m->arena.count = m->spans.count = 0;
    m->indexed = 0;
    m->epoch++;
    if (m->nfields > m->heads_room) {
        int room = m->nfields * 2;
        int *heads = PyMem_Realloc(m->heads, room * sizeof(int));
        if (heads) m->heads = heads;
        int *tails = PyMem_Realloc(m->tails, room * sizeof(int));
        if (tails) m->tails = tails;
        uint64_t *seen = PyMem_Realloc(m->head_seen, room * sizeof(uint64_t));
        if (seen) m->head_seen = seen;
        if (!heads || !tails || !seen) { PyErr_NoMemory(); return -1; }
        memset(m->head_seen + m->heads_room, 0, (room - m->heads_room) * sizeof(uint64_t));
        m->heads_room = room;
    }
    if (grow(&m->arena, 1, 1 + PAD)) return -1;
    AT(m->arena, uint8_t, m->arena.count++) = FRAME;
    return 0;
}

static int lay_out(Matcher *m, PyObject *event) {
    PyObject *name, *value; Py_ssize_t position = 0;
    if (begin_arena(m)) return -1;
    while (PyDict_Next(event, &position, &name, &value)) {
        if (value == Py_None) continue;
        int field = known_field(m, name);
        if (field == -2) return -1;
        if (field == -3 || (field == -1 && !m->anywhere)) continue;
        if (!PyList_Check(value)) { if (add_any(m, field, value)) return -1; continue; }
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++)
            if (add_any(m, field, PyList_GET_ITEM(value, i))) return -1;
    }
    memset((uint8_t *)m->arena.items + m->arena.count, 0, PAD);
    return 0;
}

static void note(Matcher *m, int head, const Span *s, uint32_t p) {
    const uint8_t *arena = m->arena.items, *bytes = m->bytes.items;
    for (int i = head; i >= 0; i = AT(m->literals, Literal, i).next) {
        Literal *l = &AT(m->literals, Literal, i);
        if (l->seen == m->epoch || p < l->at + s->start - 1 || (uint64_t)p - l->at + l->len > (uint64_t)s->start + s->len + 1) continue;
        if (memcmp(arena + p - l->at, bytes + l->text, l->len)) continue;
        int here = !l->fields;
        for (int k = 0; k < l->fields && !here; k++) here = AT(m->ids, int, l->field0 + k) == s->field;
        if (!here) continue;
        l->seen = m->epoch;
        for (int k = 0; k < l->rules; k++) { int rule = AT(m->rule_ids, int, l->rule0 + k); m->marks[rule >> 6] |= (uint64_t)1 << (rule & 63); }
    }
}

static void look_up(Matcher *m, uint32_t gram, const Span *s, uint32_t p) {
    Slot *slot = slot_of(m, gram);
    if (slot->head >= 0) note(m, slot->head, s, p);
    gram &= 0xFFFFFF;
    if (!in_set(m->threes, mixed(gram) >> 16)) return;
    slot = slot_of(m, gram);
    if (slot->head >= 0) note(m, slot->head, s, p);
}

static void search(Matcher *m, const uint64_t *bits) {
    const uint8_t *arena = m->arena.items;
    for (size_t i = 0; i < m->spans.count; i++) {
        const Span *s = &AT(m->spans, Span, i);
        uint32_t last = s->start + s->len;              /* where its closing frame stands */
        for (uint32_t p = s->start - 1; p + 1 < last; p++) {
            uint32_t gram = four(arena + p);
            if (has_bits(bits, mixed(gram))) look_up(m, gram, s, p);
        }
        if (m->pair_head < 0 || !s->foreign) continue;
        for (uint32_t p = s->start; p + 1 < last; p++)
            if (arena[p] >= 0xC2 && in_set(m->pairs, arena[p] | (uint32_t)arena[p + 1] << 8)) note(m, m->pair_head, s, p);
    }
}

static int has_values(Matcher *m, int field) { return field < m->heads_room && m->head_seen[field] == m->epoch; }

/* In a long arena a text is looked up where those three bytes of it stand that stand in its field least often. */
static uint32_t three(const uint8_t *p, int field) {
    return (mixed(p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16) ^ mixed((uint32_t)field)) >> (32 - PLACES);
}

static int index_arena(Matcher *m) {
    size_t room = (size_t)1 << PLACES;
    if (!m->first) m->first = PyMem_Malloc(room * sizeof(int));
    if (!m->often) m->often = PyMem_Malloc(room * sizeof(int));
    if (!m->first || !m->often) { PyErr_NoMemory(); return -1; }
    if (grow(&m->next, sizeof(int), m->arena.count)) return -1;
    memset(m->first, -1, room * sizeof(int));
    memset(m->often, 0, room * sizeof(int));
    const uint8_t *arena = m->arena.items;              /* it ends with zeros: three bytes can be read anywhere */
    for (size_t i = m->spans.count; i-- > 0;) {
        const Span *s = &AT(m->spans, Span, i);
        for (uint32_t p = s->start + s->len; p-- >= s->start;) {
            uint32_t k = three(arena + p, s->field);
            AT(m->next, int, p) = m->first[k]; m->first[k] = (int)p; m->often[k]++;
        }
    }
    m->indexed = 1;
    return 0;
}

static const Span *span_at(Matcher *m, uint32_t place) {
    size_t low = 0, high = m->spans.count;              /* the last span that begins at or before the place */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (AT(m->spans, Span, middle).start <= place) low = middle; else high = middle;
    }
    return &AT(m->spans, Span, low);
}

static int looked_up(Matcher *m, const Atom *a, int field) {
    const uint8_t *arena = m->arena.items, *needle = (const uint8_t *)m->bytes.items + a->text;
    uint32_t best = 0;
    for (uint32_t k = 1; k + 3 <= a->len; k++) if (m->often[three(needle + k, field)] < m->often[three(needle + best, field)]) best = k;
    for (int p = m->first[three(needle + best, field)]; p >= 0; p = AT(m->next, int, p)) {
        if ((uint32_t)p < best || (size_t)p - best + a->len > m->arena.count || memcmp(arena + p - best, needle, a->len)) continue;
        if (span_at(m, (uint32_t)p - best + (needle[0] == FRAME))->field == field) return 1;
    }
    return 0;
}

/* Whether a text stands in a long arena, in one of its fields or anywhere. */
static int stands_far(Matcher *m, const Atom *a) {
    if (!m->indexed && index_arena(m)) return -1;
    if (a->op != WORD) {
        for (int k = 0; k < a->fields; k++) {
            int field = AT(m->ids, int, a->field0 + k);
            if (has_values(m, field) && looked_up(m, a, field)) return 1;
        }
        return 0;
    }
    int nameless = 0;
    for (int i = 0; i < (int)m->spans.count; i++) {     /* each field once: at its first value */
        int field = AT(m->spans, Span, i).field;
        if (field < 0 ? nameless++ : m->heads[field] != i) continue;
        if (looked_up(m, a, field)) return 1;
    }
    return 0;
}

static int within(const uint8_t *text, size_t n, const uint8_t *needle, size_t len) {
    if (len > n) return 0;
    const uint8_t *end = text + n - len + 1;
    for (const uint8_t *p = text; p < end; p++) {
        p = memchr(p, needle[0], end - p);
        if (!p) return 0;
        if (p[len - 1] == needle[len - 1] && !memcmp(p, needle, len)) return 1;
    }
    return 0;
}

static int stands(Matcher *m, const Atom *a) {
    const uint8_t *arena = m->arena.items, *needle = (const uint8_t *)m->bytes.items + a->text;
    if (m->arena.count > LONG && a->len >= 3) return stands_far(m, a);
    if (a->op == WORD) return within(arena, m->arena.count, needle, a->len);
    int start = needle[0] == FRAME, end = needle[a->len - 1] == FRAME;
    for (int k = 0; k < a->fields; k++) {
        int field = AT(m->ids, int, a->field0 + k);
        if (!has_values(m, field)) continue;
        for (int i = m->heads[field]; i >= 0; i = AT(m->spans, Span, i).next) {
            const Span *s = &AT(m->spans, Span, i);
            if ((uint64_t)s->len + start + end < a->len) continue;
            const uint8_t *from = arena + s->start - start;
            if (start && end) { if (s->len + 2 == a->len && !memcmp(from, needle, a->len)) return 1; }
            else if (start) { if (!memcmp(from, needle, a->len)) return 1; }
            else if (end) { if (!memcmp(arena + s->start + s->len + 1 - a->len, needle, a->len)) return 1; }
            else if (within(from, s->len, needle, a->len)) return 1;
        }
    }
    return 0;
}

static int ask(Matcher *m, Atom *a) {
    if (a->op == CONTAINS || a->op == WORD) return stands(m, a);
    if (a->op == FOREIGN) {
        if (!a->call && !(a->call = PyObject_CallOneArg(m->foreign, a->node))) return -1;
        if (!m->view && !(m->view = PyObject_CallOneArg(m->view_of, m->event))) return -1;
        PyObject *answer = PyObject_CallOneArg(a->call, m->view);
        int truth = answer ? PyObject_IsTrue(answer) : -1;
        Py_XDECREF(answer);
        return truth;
    }
    for (int k = 0; k < a->fields; k++) {
        int field = AT(m->ids, int, a->field0 + k), some = has_values(m, field);
        if (a->op == NONE && some) return 0;
        if (a->op == SOME && some) return 1;
        if (a->op == EMPTY) {
            for (int i = some ? m->heads[field] : -1; i >= 0; i = AT(m->spans, Span, i).next) if (!AT(m->spans, Span, i).len) return 1;
        }
    }
    return a->op == NONE;
}

static int holds(Matcher *m, int node) {
    Node n = AT(m->nodes, Node, node);
    if (n.op == ATOM) {
        if (AT(m->atoms, Atom, n.first).seen == m->epoch) return AT(m->atoms, Atom, n.first).value;
        Atom *a = &AT(m->atoms, Atom, n.first);         /* nothing is compiled while conditions are asked */
        int answer = ask(m, a);
        if (answer >= 0) { a->seen = m->epoch; a->value = (char)answer; }
        return answer;
    }
    for (int i = 0; i < n.count; i++) {
        int answer = holds(m, AT(m->links, int, n.first + i));
        if (answer < 0) return -1;
        if (n.op == NOT) return !answer;
        if (answer != (n.op == AND)) return answer;
    }
    return n.op == AND;
}

/* Compile the candidates that nobody asked for before; fields that they are the first to read are laid out then. */
static int compile_candidates(Matcher *m, const uint64_t *members, const uint64_t *always) {
    int known = m->nfields, anywhere = m->anywhere;
    for (size_t w = 0; w < m->words; w++)
        for (uint64_t mask = (m->marks[w] & members[w]) | always[w]; mask; mask &= mask - 1) {
            int rule = (int)(w * 64) + __builtin_ctzll(mask);
            if (rule >= m->rules || root_of(m, rule) < 0) return -1;
        }
    if (m->nfields == known && m->anywhere == anywhere) return 0;
    return lay_out(m, m->event);
}

static PyObject *found_rules(Matcher *m, const uint64_t *members, const uint64_t *always) {
    if (compile_candidates(m, members, always)) return NULL;
    PyObject *found = NULL;
    for (size_t w = 0; w < m->words; w++) {
        uint64_t mask = (m->marks[w] & members[w]) | always[w];
        while (mask) {
            int rule = (int)(w * 64) + __builtin_ctzll(mask);
            mask &= mask - 1;
            if (m->wide[rule >> 6] >> (rule & 63) & 1) m->plain = 0;
            int answer = holds(m, m->roots[rule]);
            if (!answer) continue;
            PyObject *number = answer > 0 ? PyLong_FromLong(rule) : NULL;
            int failed = !number || (!found && !(found = PyList_New(0))) || PyList_Append(found, number);
            Py_XDECREF(number);
            if (failed) { Py_XDECREF(found); return NULL; }
        }
    }
    return found ? found : PyTuple_New(0);
}

/* The key of an event's bucket: the values of the fields that routes ask for, lists as tuples. */
static PyObject *bucket_key(Matcher *m, PyObject *event) {
    Py_ssize_t n = PyTuple_GET_SIZE(m->keys);
    PyObject *key = PyTuple_New(n);
    for (Py_ssize_t i = 0; key && i < n; i++) {
        PyObject *value = PyDict_GetItemWithError(event, PyTuple_GET_ITEM(m->keys, i));
        if (!value && PyErr_Occurred()) { Py_CLEAR(key); break; }
        value = !value ? Py_NewRef(Py_None) : PyList_Check(value) ? PyList_AsTuple(value) : Py_NewRef(value);
        if (!value) { Py_CLEAR(key); break; }
        PyTuple_SET_ITEM(key, i, value);
    }
    return key;
}

/* Return a bit set of the ids of these names of fields. */
static PyObject *field_bits(Matcher *m, PyObject *names) {
    PyObject *walk = PyObject_GetIter(names), *name;
    if (!walk) return NULL;
    while ((name = PyIter_Next(walk))) {
        int id = PyUnicode_Check(name) ? field_id(m, name, 1) : -2;
        Py_DECREF(name);
        if (id < 0) { Py_DECREF(walk); if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "no name"); return NULL; }
    }
    Py_DECREF(walk);
    if (PyErr_Occurred()) return NULL;
    PyObject *bits = PyBytes_FromStringAndSize(NULL, m->nfields / 8 + 1);
    if (!bits || !(walk = PyObject_GetIter(names))) { Py_XDECREF(bits); return NULL; }
    memset(PyBytes_AS_STRING(bits), 0, PyBytes_GET_SIZE(bits));
    while ((name = PyIter_Next(walk))) {
        int id = field_id(m, name, 0);
        Py_DECREF(name);
        if (id >= 0) PyBytes_AS_STRING(bits)[id >> 3] |= (char)(1 << (id & 7));
    }
    Py_DECREF(walk);
    if (PyErr_Occurred()) Py_CLEAR(bits);
    return bits;
}

/* Ask `route` for the bucket of an event: (members, always, whether to remember it, names of the fields that its rules read),
 * the names as a bit set. */
static PyObject *told(Matcher *m, PyObject *event) {
    PyObject *found = PyObject_CallOneArg(m->route, event);
    if (!found) return NULL;
    if (!PyTuple_Check(found) || PyTuple_GET_SIZE(found) != 4 || !PyBytes_Check(PyTuple_GET_ITEM(found, 0)) ||
        !PyBytes_Check(PyTuple_GET_ITEM(found, 1)) || (size_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(found, 0)) != m->words * 8 ||
        (size_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(found, 1)) != m->words * 8 || !PyAnySet_Check(PyTuple_GET_ITEM(found, 3))) {
        PyErr_SetString(PyExc_SystemError, "route tells (members, always, whether to remember, names)");
        Py_DECREF(found);
        return NULL;
    }
    PyObject *bits = field_bits(m, PyTuple_GET_ITEM(found, 3));
    PyObject *made = bits ? PyTuple_Pack(4, PyTuple_GET_ITEM(found, 0), PyTuple_GET_ITEM(found, 1), PyTuple_GET_ITEM(found, 2), bits) : NULL;
    Py_XDECREF(bits); Py_DECREF(found);
    return made;
}

/* Return the bucket of an event: remembered, or as `route` tells. */
static PyObject *bucket_of(Matcher *m, PyObject *event) {
    PyObject *key = bucket_key(m, event), *found = key ? PyDict_GetItemWithError(m->buckets, key) : NULL;
    if (found) { Py_INCREF(found); Py_DECREF(key); return found; }
    if (PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_TypeError)) { Py_XDECREF(key); return NULL; }
        PyErr_Clear();                                  /* a value without a hash: asked each time */
    }
    found = told(m, event);
    if (found && key && PyTuple_GET_ITEM(found, 2) == Py_True) {
        if (PyDict_GET_SIZE(m->buckets) >= BUCKETS) PyDict_Clear(m->buckets);
        if (PyDict_SetItem(m->buckets, key, found)) Py_CLEAR(found);
    }
    Py_XDECREF(key);
    return found;
}

/* ---- what was found before ---------------------------------------------------------------------------------------- */

/* The same bucket and the same values in all fields that its rules read give the same rules. What the rules of a keyword look
 * at is no such field: an event that made one of them a candidate is not kept, and of one that is met again the other values
 * are searched for keywords. Kept are whole values, compared whole: nothing that is made to collide is taken for another. */

static int put(Vec *key, uint32_t field, uint32_t tag, const void *data, size_t n) {
    if (n > MEMO_LONGEST || key->count + n > MEMO_LONGEST) return 0;
    if (grow(key, 1, n + 16)) return -1;
    uint32_t head[2] = {field << 4 | tag, (uint32_t)n};
    memcpy((uint8_t *)key->items + key->count, head, 8);
    memcpy((uint8_t *)key->items + key->count + 8, data, n);
    key->count += 8 + n;
    return 1;
}

/* 1: put into the key; 0: of a type or a length that is not remembered; -1: error. */
static int put_value(Vec *key, int field, PyObject *value, int listed) {
    if (PyUnicode_CheckExact(value)) {
        int kind = PyUnicode_IS_ASCII(value) ? 0 : PyUnicode_KIND(value);
        return put(key, field, listed | kind, PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value) * (kind ? kind : 1));
    }
    if (value == Py_True || value == Py_False) return put(key, field, listed | 5, value == Py_True ? "t" : "f", 1);
    if (!PyLong_CheckExact(value)) return 0;
    int over;
    long long number = PyLong_AsLongLongAndOverflow(value, &over);
    if (number == -1 && PyErr_Occurred()) return -1;
    return over ? 0 : put(key, field, listed | 6, &number, sizeof number);
}

/* Put the values of the fields that rules read into the key; the others too, if that is wanted, into `others`. */
static int make_key(Matcher *m, PyObject *event, PyObject *read, Vec *others) {
    PyObject *name, *value; Py_ssize_t position = 0;
    if (others) others->count = 0; else m->key.count = 0;
    while (PyDict_Next(event, &position, &name, &value)) {
        if (value == Py_None) continue;
        int field = known_field(m, name), done = 1;
        if (field == -2) return -1;
        if (field == -3 || has_field(read, field) == (others != NULL)) continue;
        Vec *key = others ? others : &m->key;
        if (!PyList_Check(value)) done = put_value(key, others ? 0 : field, value, 0);
        else for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value) && done == 1; i++)
            done = put_value(key, others ? 0 : field, PyList_GET_ITEM(value, i), others ? 0 : 8);
        if (done != 1) return done;
    }
    return 1;
}

static uint64_t folded(uint64_t a, uint64_t b) { __uint128_t p = (__uint128_t)a * b; return (uint64_t)p ^ (uint64_t)(p >> 64); }

static uint64_t hashed(const uint8_t *p, size_t n) {
    uint64_t h = 0x9E3779B97F4A7C15u ^ n, x[2];
    for (; n >= 16; p += 16, n -= 16) { memcpy(x, p, 16); h = folded(x[0] ^ 0xA0761D6478BD642Fu, x[1] ^ h); }
    x[0] = x[1] = 0;
    memcpy(x, p, n);
    return folded(folded(x[0] ^ 0xE7037ED1A0B428DBu, x[1] ^ h), 0x8EBC6AF09C88C6E3u);
}

static void drop(Matcher *m, Memory *e) {
    if (!e->key) return;
    m->memo_bytes -= e->len + e->more;
    PyMem_Free(e->key); e->key = NULL;
    Py_CLEAR(e->bucket); Py_CLEAR(e->found);
}

static void forget_all(Matcher *m) { if (m->memo) for (size_t i = 0; i < (size_t)2 << MEMO; i++) drop(m, m->memo + i); }

/* Whether the memo is asked: where it was of no use lately it is asked half the time. */
static int awake(Matcher *m) {
    if (!m->remembers || !m->plain) return 0;
    if (m->rest) { m->rest--; return 0; }
    if (++m->looks < LOOKS) return 1;
    if (m->found < LOOKS / 16) m->rest = LOOKS;
    m->looks = m->found = 0;
    return 1;
}

static Memory *remembered(Matcher *m, PyObject *bucket, uint64_t hash) {
    if (!m->memo) return NULL;
    Memory *two = m->memo + ((hash >> 20 & (((size_t)1 << MEMO) - 1)) << 1);
    for (int i = 0; i < 2; i++) {
        Memory *e = two + i;
        if (e->key && e->hash == hash && e->len == m->key.count && e->bucket == bucket && (!e->len || !memcmp(e->key, m->key.items, e->len))) { e->used = ++m->clock; return e; }
    }
    return NULL;
}

static int remember(Matcher *m, PyObject *event, PyObject *bucket, uint64_t hash, PyObject *found) {
    if (!m->memo && !(m->memo = PyMem_Calloc((size_t)2 << MEMO, sizeof(Memory)))) { PyErr_NoMemory(); return -1; }
    int whole = m->any_literal ? make_key(m, event, PyTuple_GET_ITEM(bucket, 3), &m->rest_key) : 1;
    if (whole < 1) return whole;
    uint32_t more = m->any_literal ? (uint32_t)m->rest_key.count : 0;
    if (m->memo_bytes + m->key.count + more > MEMO_BYTES) forget_all(m);
    Memory *two = m->memo + ((hash >> 20 & (((size_t)1 << MEMO) - 1)) << 1);
    Memory *e = !two[0].key || (two[1].key && m->clock - two[0].used > m->clock - two[1].used) ? two : two + 1;
    drop(m, e);
    uint8_t *key = PyMem_Malloc(m->key.count + more + 1);
    if (!key) { PyErr_NoMemory(); return -1; }
    if (m->key.count) memcpy(key, m->key.items, m->key.count);
    if (more) memcpy(key + m->key.count, m->rest_key.items, more);
    *e = (Memory){hash, (uint32_t)m->key.count, more, ++m->clock, Py_NewRef(bucket), Py_NewRef(found), key};
    m->memo_bytes += e->len + more;
    return 0;
}

/* Whether a value stands next among the other values of an event that was met before; they are in the same order mostly. */
static int met_again(Matcher *m, const Memory *e, uint32_t *at, PyObject *value) {
    m->rest_key.count = 0;
    if (put_value(&m->rest_key, 0, value, 0) != 1) { PyErr_Clear(); return 0; }
    if (*at + 8 > e->more) return 0;
    const uint8_t *known = e->key + e->len + *at;
    uint32_t n;
    memcpy(&n, known + 4, 4);
    *at += 8 + n;
    return 8 + n == m->rest_key.count && !memcmp(known, m->rest_key.items, m->rest_key.count);
}

/* Whether no keyword of the bucket's rules stands in the values that they do not read by name; none did when it was met before,
 * so what is the same now is not searched. -1 is an error. */
static int quiet(Matcher *m, PyObject *event, PyObject *bucket, const Memory *e) {
    if (!m->any_literal) return 1;
    PyObject *name, *value; Py_ssize_t position = 0; uint32_t at = 0;
    if (begin_arena(m)) return -1;
    while (PyDict_Next(event, &position, &name, &value)) {
        if (value == Py_None) continue;
        int field = known_field(m, name);
        if (field == -2) return -1;
        if (field == -3 || has_field(PyTuple_GET_ITEM(bucket, 3), field)) continue;
        if (!PyList_Check(value)) { if (!met_again(m, e, &at, value) && add_any(m, field, value)) return -1; continue; }
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); i++)
            if (!met_again(m, e, &at, PyList_GET_ITEM(value, i)) && add_any(m, field, PyList_GET_ITEM(value, i))) return -1;
    }
    if (!m->spans.count) return 1;
    memset((uint8_t *)m->arena.items + m->arena.count, 0, PAD);
    memset(m->marks, 0, m->words * 8);
    search(m, m->any_bits);
    const uint64_t *members = (const uint64_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(bucket, 0));
    for (size_t w = 0; w < m->words; w++) if (m->marks[w] & members[w]) return 0;
    return 1;
}

static PyObject *matched(Matcher *m, PyObject *event, PyObject *bucket) {
    m->plain = PyTuple_GET_ITEM(bucket, 2) == Py_True;
    int keyed = awake(m) ? make_key(m, event, PyTuple_GET_ITEM(bucket, 3), NULL) : 0;
    if (keyed < 0) return NULL;
    uint64_t hash = keyed ? hashed(m->key.items ? m->key.items : (void *)"", m->key.count) : 0;
    Memory *known = keyed ? remembered(m, bucket, hash) : NULL;
    if (known) {
        int same = quiet(m, event, bucket, known);
        if (same < 0) return NULL;
        if (same) { m->found++; return Py_NewRef(known->found); }
    }
    memset(m->marks, 0, m->words * 8);
    if (lay_out(m, event)) return NULL;
    search(m, m->bits);
    PyObject *found = found_rules(m, (const uint64_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(bucket, 0)), (const uint64_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(bucket, 1)));
    if (found && keyed && m->plain) {
        if (PyList_Check(found)) { PyObject *fixed = PyList_AsTuple(found); Py_SETREF(found, fixed); }    /* it is given out again */
        if (found && remember(m, event, bucket, hash, found)) Py_CLEAR(found);
    }
    return found;
}

static PyObject *matcher_forget(Matcher *m, PyObject *Py_UNUSED(ignored)) {
    if (m->busy) { PyErr_SetString(PyExc_RuntimeError, "it is busy"); return NULL; }
    PyDict_Clear(m->buckets);
    forget_all(m);
    Py_RETURN_NONE;
}

/* remember(whether): of what was found before, nothing is taken and nothing kept any more, or both again. */
static PyObject *matcher_remember(Matcher *m, PyObject *whether) {
    int truth = PyObject_IsTrue(whether);
    if (truth < 0) return NULL;
    if (m->busy) { PyErr_SetString(PyExc_RuntimeError, "it is busy"); return NULL; }
    m->remembers = truth;
    if (!truth) forget_all(m);
    Py_RETURN_NONE;
}

/* match(event): the rules that match, ascending. */
static PyObject *matcher_match(Matcher *m, PyObject *event) {
    if (!PyDict_Check(event) || !m->slots || m->busy) {
        PyErr_SetString(PyExc_TypeError, "match(event) of a matcher that is ready and idle");
        return NULL;
    }
    m->busy = 1;
    PyObject *bucket = bucket_of(m, event), *found = NULL;
    if (bucket) {
        m->event = event;
        found = matched(m, event, bucket);
        Py_CLEAR(m->view);
        Py_DECREF(bucket);
    }
    m->event = NULL;
    m->busy = 0;
    return found;
}

/* Whether what could not be made is left for when it is asked; being told to stop is not. */
static int left(void) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return 0;
    PyErr_Clear();
    return 1;
}

/* prepare(): make the conditions of all rules now, not when they are first asked; what cannot be made is left for then. */
static PyObject *matcher_prepare(Matcher *m, PyObject *Py_UNUSED(ignored)) {
    if (m->busy) { PyErr_SetString(PyExc_RuntimeError, "it is busy"); return NULL; }
    int going = m->busy = 1;
    for (int rule = 0; rule < m->rules && going; rule++) if (root_of(m, rule) < 0) going = left();
    for (size_t i = 0; i < m->atoms.count && going; i++) {
        Atom *a = &AT(m->atoms, Atom, i);
        if (a->op == FOREIGN && !a->call && !(a->call = PyObject_CallOneArg(m->foreign, a->node))) going = left();
    }
    m->busy = 0;
    if (!going) return NULL;
    Py_RETURN_NONE;
}

/* ---- the type ----------------------------------------------------------------------------------------------------- */

static void matcher_dealloc(Matcher *m) {
    for (size_t i = 0; i < m->atoms.count; i++) { Py_XDECREF(AT(m->atoms, Atom, i).node); Py_XDECREF(AT(m->atoms, Atom, i).call); }
    for (int i = 0; i < CACHE; i++) Py_XDECREF(m->cache_key[i]);
    PyObject *held[] = {m->fields, m->text_of, m->tree_of, m->foreign, m->view_of, m->atom_ids, m->unsearched, m->virtuals, m->keys, m->route, m->buckets, m->view};
    forget_all(m);
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) Py_XDECREF(held[i]);
    void *owned[] = {m->bytes.items, m->ids.items, m->rule_ids.items, m->spans.items, m->literals.items, m->atoms.items, m->nodes.items,
                     m->links.items, m->arena.items, m->roots, m->marks, m->heads, m->tails, m->head_seen, m->bits, m->any_bits, m->slots, m->pairs, m->threes,
                     m->memo, m->key.items, m->rest_key.items, m->wide, m->next.items, m->first, m->often};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) PyMem_Free(owned[i]);
    PyTypeObject *type = Py_TYPE(m);
    type->tp_free((PyObject *)m);
    Py_DECREF(type);
}

/* Matcher(rules, tree_of, foreign, view_of, text_of, unsearched, virtuals, keys, route, wide): names of fields that are no values
 * to search, names that no event carries, those that routes ask for, what tells a bucket, and the bits of the rules that read
 * more than fields by their names. */
static PyObject *matcher_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs)) {
    int rules; PyObject *tree_of, *foreign, *view_of, *text_of, *unsearched, *virtuals, *keys, *route, *wide;
    if (!PyArg_ParseTuple(args, "iOOOOO!O!O!OS", &rules, &tree_of, &foreign, &view_of, &text_of, &PyFrozenSet_Type, &unsearched, &PyFrozenSet_Type, &virtuals,
                          &PyTuple_Type, &keys, &route, &wide)) return NULL;
    if (rules < 0 || rules > 1 << 24) { PyErr_SetString(PyExc_ValueError, "so many rules"); return NULL; }
    if ((size_t)PyBytes_GET_SIZE(wide) != ((size_t)rules + 63) / 64 * 8) { PyErr_SetString(PyExc_ValueError, "a bit for each rule"); return NULL; }
    Matcher *m = (Matcher *)type->tp_alloc(type, 0);
    if (!m) return NULL;
    m->tree_of = Py_NewRef(tree_of); m->foreign = Py_NewRef(foreign); m->view_of = Py_NewRef(view_of);
    m->text_of = Py_NewRef(text_of); m->unsearched = Py_NewRef(unsearched); m->virtuals = Py_NewRef(virtuals); m->keys = Py_NewRef(keys); m->route = Py_NewRef(route);
    m->buckets = PyDict_New();
    m->rules = rules; m->words = ((size_t)rules + 63) / 64;
    m->fields = PyDict_New(); m->atom_ids = PyDict_New();
    m->roots = PyMem_Malloc(sizeof(int) * ((size_t)rules + 1)); m->marks = PyMem_Calloc(m->words + 1, 8); m->wide = PyMem_Calloc(m->words + 1, 8);
    if (!m->fields || !m->atom_ids || !m->buckets || !m->roots || !m->marks || !m->wide) { Py_DECREF(m); return PyErr_NoMemory(); }
    for (int i = 0; i < rules; i++) m->roots[i] = -1;
    memcpy(m->wide, PyBytes_AS_STRING(wide), m->words * 8);
    m->pair_head = -1;
    m->remembers = 1;
    return (PyObject *)m;
}

static PyMethodDef methods[] = {
    {"literal", (PyCFunction)matcher_literal, METH_VARARGS, "Look for a literal that makes rules candidates."},
    {"ready", (PyCFunction)matcher_ready, METH_NOARGS, "Make the tables; no literal comes after."},
    {"forget", (PyCFunction)matcher_forget, METH_NOARGS, "Forget which rules which events meet."},
    {"remember", (PyCFunction)matcher_remember, METH_O, "Take what was found before for the same values, or not."},
    {"prepare", (PyCFunction)matcher_prepare, METH_NOARGS, "Make the conditions of all rules now."},
    {"match", (PyCFunction)matcher_match, METH_O, "Return the rules that match an event, ascending."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, matcher_new}, {Py_tp_dealloc, matcher_dealloc}, {Py_tp_methods, methods},
    {Py_tp_doc, "Rules, matched against one event at a time, by one thread at a time."}, {0, NULL},
};
static PyType_Spec spec = {"hinomi.detections.engine._native.Matcher", sizeof(Matcher), 0, Py_TPFLAGS_DEFAULT, slots};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "See hinomi.detections.engine.native.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition), *type = PyType_FromSpec(&spec);
    if (!module || !type || PyModule_AddObjectRef(module, "Matcher", type)) Py_CLEAR(module);
    Py_XDECREF(type);
    return module;
}
