import { start } from "../shared/frame";
import { Board } from "./board";

start("board", Board);
