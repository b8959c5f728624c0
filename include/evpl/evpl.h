/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef EVPL_EVPL_H
#define EVPL_EVPL_H

#include "evpl_bind.h"
#include "evpl_block.h"
#include "evpl_config.h"
#include "evpl_core.h"
#include "evpl_deferral.h"
#include "evpl_doorbell.h"
#include "evpl_endpoint.h"
#include "evpl_fd_event.h"
#include "evpl_logging.h"
#include "evpl_memory.h"
#include "evpl_poll.h"
#include "evpl_rdma.h"
#include "evpl_thread.h"
#include "evpl_timer.h"

#endif /* EVPL_EVPL_H */
