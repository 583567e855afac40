import { start } from "../shared/frame";
import { Preview } from "./preview";

start("preview", Preview);
