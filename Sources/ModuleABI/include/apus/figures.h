/* apus/figures.h — the vtable of provider group "figures/1": what a module tells about itself in numbers, for whoever shows
 * them to people or to programs. */
#ifndef APUS_FIGURES_H
#define APUS_FIGURES_H
#include "../apus.h"

#define APUS_GROUP_FIGURES "figures/1"

#define APUS_FIGURE_GAUGE 0u   /**< goes up and down */
#define APUS_FIGURE_COUNTER 1u /**< only goes up; its name ends in "_total" */

typedef struct apus_figure {
    uint32_t size;
    uint32_t kind;        /**< APUS_FIGURE_… */
    apus_str name;        /**< small letters, digits and underscores, with its unit: "tls_certificate_expiry_seconds" */
    apus_str help;        /**< one sentence */
    apus_str label;       /**< what tells figures of one name apart; empty: there is but one */
    apus_str label_value; /**< from a set that the configuration bounds: never anything that clients send */
    double value;
} apus_figure;

typedef struct apus_figures_v1 {
    uint32_t size, flags; /**< flags: 0 */
    /** Calls `tell` for each figure, those of one name in a row; what it is given lives for the call. The figures are about
     *  all workers. On a worker's loop. */
    void (*each)(void *ctx, void (*tell)(void *arg, const apus_figure *figure), void *arg);
} apus_figures_v1;

#endif
