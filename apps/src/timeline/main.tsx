/** The app of one order: its steps, the present one, and whose turn it is. */

import { start } from "../shared/frame";
import { Timeline } from "./timeline";

start("timeline", Timeline);
