/*
 * The C interface of libchdb, cut down to the entry points that the crate
 * chdb-rust 2.0 binds. Written for HyperbyteDB from the symbols that the pinned
 * library exports; handles are opaque, strings go in as pointer and length.
 */
#ifndef HYPERBYTEDB_CHDB_H
#define HYPERBYTEDB_CHDB_H

#include <stddef.h>
#include <stdint.h>

typedef enum chdb_state { CHDBSuccess = 0, CHDBError = 1 } chdb_state;

/* Every handle is a one-pointer struct that only the library looks into. */
typedef struct chdb_result_ { void *opaque; } chdb_result;
typedef struct chdb_connection_ { void *opaque; } *chdb_connection;
typedef struct chdb_insert_stream_ { void *opaque; } *chdb_insert_stream;

/* Stand for the ArrowArrayStream, ArrowSchema and ArrowArray of the Arrow C data interface. */
typedef struct chdb_arrow_stream_ { void *opaque; } *chdb_arrow_stream;
typedef struct chdb_arrow_schema_ { void *opaque; } *chdb_arrow_schema;
typedef struct chdb_arrow_array_ { void *opaque; } *chdb_arrow_array;

typedef struct chdb_arrow_options {
    int unsupported_as_binary;
    int low_cardinality_as_dictionary;
    int string_as_string;
} chdb_arrow_options;

/* Process and connection. */
const char *chdb_version(void);
void chdb_set_signal_handlers_enabled(int enabled);
void chdb_reset_signal_handlers(void);
chdb_state chdb_shutdown(void);
chdb_connection *chdb_connect(int argc, char **argv);
void chdb_close_conn(chdb_connection *connection);

/* Whole results. */
chdb_result *chdb_query_n(chdb_connection c, const char *sql, size_t sql_len, const char *format, size_t format_len);
chdb_result *chdb_query_with_params_n(chdb_connection c, const char *sql, size_t sql_len, const char *format,
                                      size_t format_len, const char *const *names, const size_t *name_lens,
                                      const char *const *values, const size_t *value_lens, size_t count);
chdb_result *chdb_query_arrow_n(chdb_connection c, const char *sql, size_t sql_len, chdb_arrow_stream out,
                                const chdb_arrow_options *options);
void chdb_destroy_query_result(chdb_result *result);
char *chdb_result_buffer(chdb_result *result);
size_t chdb_result_length(chdb_result *result);
double chdb_result_elapsed(chdb_result *result);
uint64_t chdb_result_rows_read(chdb_result *result);
uint64_t chdb_result_bytes_read(chdb_result *result);
uint64_t chdb_result_storage_rows_read(chdb_result *result);
uint64_t chdb_result_storage_bytes_read(chdb_result *result);
uint64_t chdb_result_rows_written(chdb_result *result);
uint64_t chdb_result_bytes_written(chdb_result *result);
const char *chdb_result_error(chdb_result *result);

/* Results in pieces. */
chdb_result *chdb_stream_query(chdb_connection c, const char *sql, const char *format);
chdb_result *chdb_stream_query_n(chdb_connection c, const char *sql, size_t sql_len, const char *format,
                                 size_t format_len);
chdb_result *chdb_stream_query_with_params_n(chdb_connection c, const char *sql, size_t sql_len, const char *format,
                                             size_t format_len, const char *const *names, const size_t *name_lens,
                                             const char *const *values, const size_t *value_lens, size_t count);
chdb_result *chdb_stream_query_arrow_n(chdb_connection c, const char *sql, size_t sql_len,
                                       const chdb_arrow_options *options);
chdb_result *chdb_stream_query_arrow_with_params_n(chdb_connection c, const char *sql, size_t sql_len,
                                                   const chdb_arrow_options *options, const char *const *names,
                                                   const size_t *name_lens, const char *const *values,
                                                   const size_t *value_lens, size_t count);
chdb_result *chdb_stream_fetch_result(chdb_connection c, chdb_result *stream);
chdb_state chdb_stream_fetch_arrow(chdb_connection c, chdb_result *stream, chdb_arrow_stream out);
void chdb_stream_cancel_query(chdb_connection c, chdb_result *stream);

/* Inserts in pieces. */
chdb_insert_stream chdb_stream_insert_n(chdb_connection c, const char *sql, size_t sql_len, const char *format,
                                        size_t format_len);
chdb_insert_stream chdb_stream_insert_with_params_n(chdb_connection c, const char *sql, size_t sql_len,
                                                    const char *format, size_t format_len, const char *const *names,
                                                    const size_t *name_lens, const char *const *values,
                                                    const size_t *value_lens, size_t count);
chdb_state chdb_stream_append(chdb_insert_stream stream, const void *data, size_t len);
chdb_result *chdb_stream_done(chdb_insert_stream stream);
void chdb_stream_cancel_insert(chdb_insert_stream stream);
const char *chdb_stream_insert_error(chdb_insert_stream stream);
void chdb_destroy_insert_stream(chdb_insert_stream stream);

/* Arrow data as tables: ArrowStream('name') in SQL. */
chdb_state chdb_arrow_scan(chdb_connection c, const char *name, chdb_arrow_stream stream);
chdb_state chdb_arrow_array_scan(chdb_connection c, const char *name, chdb_arrow_schema schema,
                                 chdb_arrow_array array);
chdb_state chdb_arrow_unregister_table(chdb_connection c, const char *name);

#endif
